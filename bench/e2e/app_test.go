package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// app is an MCP client that takes a login one step at a time. Each step is one request of the client, or one page of
// the browser, and keeps what the next one needs; a story may kill a replica between any two.
type app struct {
	base     string // the server as the user typed it
	resource string
	redirect string
	browser  *browser
	client   *http.Client

	clientID, verifier, state string
	consent                   *page    // the consent page
	toProvider                *page    // the redirect to the provider
	callback                  *url.URL // the provider's answer, on its way to our /callback
	code                      string
	tokens                    tokens
}

// tokens is a successful token response.
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
}

// cursorBody is what Cursor registers with, byte for byte but for the scope it was told to ask for.
const cursorBody = `{"redirect_uris":["cursor://anysphere.cursor-mcp/oauth/callback","https://www.cursor.com/agents/mcp/oauth/callback","http://localhost:8787/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"Cursor","logo_uri":"https://ptht05hbb1ssoooe.public.blob.vercel-storage.com/assets/uploads/cursorlogomcpv3.svg","scope":"mcp:tools"}`

const cursorRedirect = "http://localhost:8787/callback"

func newApp(base, user string) *app {
	return &app{
		base: base, resource: base + "/sse", redirect: cursorRedirect, browser: newBrowser(user),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second},
	}
}

// login takes all steps.
func (a *app) login(t *testing.T) {
	t.Helper()
	for _, step := range a.steps() {
		step.do(t)
	}
}

// step is one step of a login, with the name a story shows.
type step struct {
	name string
	do   func(*testing.T)
}

// steps are the steps of a login in order, up to a token.
func (a *app) steps() []step {
	return []step{
		{"register", a.register}, {"authorize", a.authorize}, {"consent", a.approve}, {"sign in", a.signIn},
		{"callback", a.returnToClient}, {"token", a.redeem},
	}
}

func (a *app) register(t *testing.T) {
	t.Helper()
	status, _, body := a.do(t, http.MethodPost, a.base+"/register", "application/json", cursorBody)
	if status != http.StatusCreated {
		t.Fatalf("POST /register answers %d: %s", status, body)
	}
	var answer struct {
		ClientID     string   `json:"client_id"`
		ClientName   string   `json:"client_name"`
		RedirectURIs []string `json:"redirect_uris"`
		Method       string   `json:"token_endpoint_auth_method"`
	}
	decode(t, body, &answer)
	if answer.ClientName != "Cursor" || len(answer.RedirectURIs) != 3 || answer.Method != "none" {
		t.Fatalf("POST /register echoes %s", body)
	}
	a.clientID = answer.ClientID
}

func (a *app) authorize(t *testing.T) {
	t.Helper()
	a.verifier, a.state = rand.Text()+rand.Text(), rand.Text()
	secrets.add(a.verifier, a.state)
	a.consent = a.browser.open(t, a.authorizeURL())
	if a.consent.status != http.StatusOK || a.consent.form == nil {
		t.Fatalf("GET /authorize answers %d and no consent page:\n%s", a.consent.status, a.consent.text())
	}
}

// authorizeURL is where the client sends the user's browser.
func (a *app) authorizeURL() string {
	challenge := sha256.Sum256([]byte(a.verifier))
	return a.base + "/authorize?" + url.Values{
		"response_type":         {"code"},
		"client_id":             {a.clientID},
		"redirect_uri":          {a.redirect},
		"state":                 {a.state},
		"scope":                 {"mcp:tools"},
		"resource":              {a.resource},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}.Encode()
}

func (a *app) approve(t *testing.T) {
	t.Helper()
	a.toProvider = a.browser.submit(t, a.consent, "approve")
	if a.toProvider.location == nil {
		t.Fatalf("POST /consent answers %d and no redirect:\n%s", a.toProvider.status, a.toProvider.text())
	}
	secrets.add(a.toProvider.location.Query().Get("state"), a.toProvider.location.Query().Get("nonce"))
}

func (a *app) signIn(t *testing.T) {
	t.Helper()
	a.callback = a.browser.signIn(t, a.toProvider, a.base+"/callback")
	secrets.add(a.callback.Query().Get("code"))
}

func (a *app) returnToClient(t *testing.T) {
	t.Helper()
	p := a.browser.open(t, a.callback.String())
	if p.location == nil || !strings.HasPrefix(p.location.String(), a.redirect+"?") {
		t.Fatalf("GET /callback answers %d and does not return to the client:\n%s", p.status, p.text())
	}
	answer := p.location.Query()
	if answer.Get("state") != a.state || answer.Get("iss") != a.base || answer.Get("error") != "" {
		t.Fatalf("the authorization response holds error %q %q, iss %q, our state: %t",
			answer.Get("error"), answer.Get("error_description"), answer.Get("iss"), answer.Get("state") == a.state)
	}
	a.code = answer.Get("code")
	secrets.add(a.code)
}

func (a *app) redeem(t *testing.T) {
	t.Helper()
	a.requestTokens(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {a.code}, "code_verifier": {a.verifier},
		"redirect_uri": {a.redirect}, "client_id": {a.clientID}, "resource": {a.resource},
	})
}

func (a *app) refresh(t *testing.T) {
	t.Helper()
	before := a.tokens
	a.requestTokens(t, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {before.RefreshToken}, "client_id": {a.clientID},
	})
	if a.tokens.RefreshToken == before.RefreshToken || a.tokens.AccessToken == before.AccessToken {
		t.Fatal("the refresh answers with an old token")
	}
}

func (a *app) requestTokens(t *testing.T, form url.Values) {
	t.Helper()
	status, header, body := a.do(t, http.MethodPost, a.base+"/token", "application/x-www-form-urlencoded", form.Encode())
	if status != http.StatusOK {
		t.Fatalf("POST /token (%s) answers %d: %s", form.Get("grant_type"), status, body)
	}
	if header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control of the token response is %q", header.Get("Cache-Control"))
	}
	a.tokens = tokens{}
	decode(t, body, &a.tokens)
	secrets.add(a.tokens.AccessToken, a.tokens.RefreshToken)
	if a.tokens.AccessToken == "" || a.tokens.RefreshToken == "" || a.tokens.TokenType != "Bearer" || a.tokens.ExpiresIn <= 0 || a.tokens.Scope != "mcp:tools" {
		t.Fatalf("the token response lacks something: token_type %q, expires_in %d, scope %q", a.tokens.TokenType, a.tokens.ExpiresIn, a.tokens.Scope)
	}
}

// useTools calls the three tools and checks their answers.
func (a *app) useTools(t *testing.T) {
	t.Helper()
	message := "hello " + rand.Text()
	if got := a.call(t, "echo", fmt.Sprintf(`{"message":%q}`, message))["echoed_message"]; got != message {
		t.Errorf("echo answers %v, want %q", got, message)
	}
	if got := a.call(t, "sum", `{"a":19.5,"b":-2}`)["result"]; got != 17.5 {
		t.Errorf("sum of 19.5 and -2 is %v", got)
	}
	stock := a.call(t, "stock_price", `{"symbol":"msft"}`)
	if price, _ := stock["price"].(float64); price <= 0 || stock["symbol"] != "MSFT" || stock["currency"] != "USD" {
		t.Errorf("stock_price answers %v", stock)
	}
}

// call calls one tool and returns its structured content.
func (a *app) call(t *testing.T, tool, arguments string) map[string]any {
	t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, arguments)
	status, answer := a.rpc(t, body)
	if status != http.StatusOK {
		t.Fatalf("tools/call of %s answers %d: %s", tool, status, answer)
	}
	var reply struct {
		Result struct {
			StructuredContent map[string]any `json:"structuredContent"`
			IsError           bool           `json:"isError"`
		} `json:"result"`
		Error json.RawMessage `json:"error"`
	}
	decode(t, answer, &reply)
	if reply.Error != nil || reply.Result.IsError {
		t.Fatalf("tools/call of %s answers %s", tool, answer)
	}
	return reply.Result.StructuredContent
}

// rpc posts a JSON-RPC message of revision 2025-11-25 with the access token and returns the JSON of the answer.
func (a *app) rpc(t *testing.T, message string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.resource, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("MCP-Protocol-Version", "2025-11-25")
	request.Header.Set("Authorization", "Bearer "+a.tokens.AccessToken)
	response, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, unframe(response.Header.Get("Content-Type"), string(body))
}

// unframe takes the JSON out of an answer that came as a stream with one event.
func unframe(contentType, body string) string {
	if !strings.HasPrefix(contentType, "text/event-stream") {
		return body
	}
	var data strings.Builder
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, "data:"); ok {
			data.WriteString(value)
		}
	}
	return data.String()
}

func (a *app) do(t *testing.T, method, target, contentType, body string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(answer)
}

func decode(t *testing.T, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("no JSON: %v: %s", err, body)
	}
}
