package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// The official Go SDK with its own OAuth client, over both transports. Its tokens live eleven seconds: its token
// source renews one that has less than ten left, so the second call needs the refresh token and no new login.
func TestGoSDKLogsIn(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "ACCESS_TOKEN_TTL=11s")
	endpoint := server.url() + "/sse"

	t.Run("streamable http", func(t *testing.T) {
		user := newGoUser(t)
		transport := &mcp.StreamableClientTransport{Endpoint: endpoint, OAuthHandler: user.handler}
		user.useTools(t, transport)
	})

	// Its SSE client has no OAuth of its own: the handler is asked once, with the challenge, and lends its tokens.
	t.Run("sse", func(t *testing.T) {
		user := newGoUser(t)
		user.authorize(t, endpoint)
		transport := &mcp.SSEClientTransport{Endpoint: endpoint, HTTPClient: &http.Client{Transport: bearer{user.handler}}}
		user.useTools(t, transport)
	})
}

// goUser is a host built with the Go SDK, and the person before it.
type goUser struct {
	handler *auth.AuthorizationCodeHandler
	logins  int
}

func newGoUser(t *testing.T) *goUser {
	t.Helper()
	const redirect = "http://127.0.0.1:28493/callback"
	user := &goUser{}
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		RedirectURL:         redirect,
		RequestRefreshToken: true,
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "Go SDK", RedirectURIs: []string{redirect}, TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		}},
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			user.logins++
			b := newBrowser("alice")
			consent := b.open(t, args.URL)
			answer := b.signIn(t, b.submit(t, consent, "approve"), redirect).Query()
			if answer.Get("error") != "" {
				return nil, errors.New(answer.Get("error"))
			}
			return &auth.AuthorizationResult{Code: answer.Get("code"), State: answer.Get("state"), Iss: answer.Get("iss")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	user.handler = handler
	return user
}

// authorize has the handler log in after the challenge that the endpoint answers.
func (u *goUser) authorize(t *testing.T, endpoint string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("GET without a token answers %d", response.StatusCode)
	}
	if err := u.handler.Authorize(t.Context(), request, response); err != nil {
		t.Fatal(err)
	}
}

// useTools connects, calls the three tools, waits for the access token to fall due, and calls again.
func (u *goUser) useTools(t *testing.T, transport mcp.Transport) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e-go-sdk", Version: "1.0.0"}, nil)
	session, err := client.Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	listed, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"echo", "stock_price", "sum"}) {
		t.Errorf("tools are %v", names)
	}
	checkTools(t, session)

	before := u.accessToken(t)
	eventually(t, 5*time.Second, "the token source renews the access token", func() error {
		if u.accessToken(t) == before {
			return errors.New("still the first one")
		}
		return nil
	})
	checkTools(t, session)
	if u.logins != 1 {
		t.Errorf("the user had to log in %d times", u.logins)
	}
}

func (u *goUser) accessToken(t *testing.T) string {
	t.Helper()
	token, err := (bearer{u.handler}).token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secrets.add(token)
	return token
}

func checkTools(t *testing.T, session *mcp.ClientSession) {
	t.Helper()
	for _, test := range []struct {
		tool      string
		arguments map[string]any
		member    string
		want      any
	}{
		{"echo", map[string]any{"message": "hé"}, "echoed_message", "hé"},
		{"sum", map[string]any{"a": 19.5, "b": -2}, "result", 17.5},
		{"stock_price", map[string]any{"symbol": "aapl"}, "currency", "USD"},
	} {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: test.tool, Arguments: test.arguments})
		if err != nil {
			t.Fatalf("%s: %v", test.tool, err)
		}
		structured, _ := result.StructuredContent.(map[string]any)
		if result.IsError || structured[test.member] != test.want {
			t.Errorf("%s answers %v, want %s %v", test.tool, result.StructuredContent, test.member, test.want)
		}
	}
}

// bearer adds the handler's current access token to each request.
type bearer struct {
	handler *auth.AuthorizationCodeHandler
}

func (b bearer) token(ctx context.Context) (string, error) {
	source, err := b.handler.TokenSource(ctx)
	if err != nil {
		return "", err
	}
	if source == nil {
		return "", errors.New("nobody has logged in")
	}
	token, err := source.Token()
	if err != nil {
		return "", fmt.Errorf("renewing the access token: %w", err)
	}
	return token.AccessToken, nil
}

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	token, err := b.token(request.Context())
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	return http.DefaultTransport.RoundTrip(request)
}
