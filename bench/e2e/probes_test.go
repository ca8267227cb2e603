package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// probe is the first thing a client sends, to find out what it has before it. Method, headers and body are those that
// were seen on the wire.
type probe struct {
	client, method string
	headers        []string
	body           string
}

const jsonOrEvents = "application/json, text/event-stream"

var probes = []probe{
	{"Codex", http.MethodGet, []string{"Accept", "*/*", "MCP-Protocol-Version", "2024-11-05"}, ""},
	{"Visual Studio Code", http.MethodPost, []string{"Accept", "text/event-stream, application/json", "Content-Type", "application/json"}, initialize("2025-11-25")},
	{"mcp-remote", http.MethodGet, []string{"Accept", jsonOrEvents}, ""},
	{"mcp-remote, http first", http.MethodPost, []string{"Accept", jsonOrEvents, "Content-Type", "application/json"}, initialize("2025-06-18")},
	{"the second TypeScript SDK, auto", http.MethodPost, modernHeaders("server/discover"), discover},
	{"Cursor", http.MethodPost, []string{"Accept", jsonOrEvents, "Content-Type", "application/json", "User-Agent", "Cursor/1.0.0"}, initialize("2025-06-18")},
	{"an SSE client", http.MethodGet, []string{"Accept", "text/event-stream"}, ""},
	{"an SSE client that comes back", http.MethodGet, []string{"Accept", "text/event-stream", "MCP-Protocol-Version", "2025-11-25", "Last-Event-ID", "1"}, ""},
	{"a client of a time to come", http.MethodPost, []string{"Accept", "*/*", "Content-Type", "application/json", "MCP-Protocol-Version", "2031-01-01"}, `{}`},
	{"a client that sends nothing", http.MethodPost, nil, ""},
	{"a client that sends its version twice", http.MethodPost, []string{"MCP-Protocol-Version", "2025-06-18", "MCP-Protocol-Version", "2026-07-28"}, "[]"},
	{"a client with a session of long ago", http.MethodGet, []string{"Accept", "text/event-stream", "Mcp-Session-Id", "gone"}, ""},
}

const discover = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"e2e","version":"1"}}}}`

// modernHeaders are those of a request in revision 2026-07-28.
func modernHeaders(method string) []string {
	return []string{"Accept", jsonOrEvents, "Content-Type", "application/json", "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method}
}

// Whatever a client without a token sends first, the answer is 401 and says where the login is: any other status sends
// it down the wrong road (to the old transport, to a new registration, to an error that tells the user nothing). From
// there it finds everything by itself, under the name the user typed.
func TestProbes(t *testing.T) {
	t.Parallel()
	g := aim(t, startDevServer(t))
	for _, host := range []string{"localhost", "127.0.0.1"} {
		g.base = fmt.Sprintf("http://%s:%d", host, g.port)
		for _, path := range []string{"/sse", "/sse/", "/mcp"} {
			for _, p := range probes {
				t.Run(host+path+" by "+p.client, func(t *testing.T) { g.probe(t, path, p) })
			}
		}
	}
}

// probe sends a probe without a token, and with one that is worthless, and follows the challenge.
func (g *target) probe(t *testing.T, path string, p probe) {
	resource := g.base + strings.TrimSuffix(path, "/")
	document := strings.Replace(resource, g.base, g.base+"/.well-known/oauth-protected-resource", 1)
	want := `Bearer resource_metadata="` + document + `", scope="mcp:tools"`
	r := g.tell(t, p.method, path, p.body, p.headers...)
	if got := r.header.Values("WWW-Authenticate"); r.status != http.StatusUnauthorized || !slices.Equal(got, []string{want}) {
		t.Fatalf("answered %d with the challenge %q, want 401 and %q", r.status, got, want)
	}
	if strings.Contains(r.body, "jsonrpc") || r.header.Get("Mcp-Session-Id") != "" {
		t.Errorf("there was more than a challenge: %s", r.body)
	}
	g.discover(t, resource, document)

	// A token that is over must be told from one that is missing, and both from a user who may not come in: on a 403
	// Visual Studio Code throws away its registration.
	r = g.tell(t, p.method, path, p.body, append([]string{"Authorization", "Bearer worthless"}, p.headers...)...)
	if got := r.header.Get("WWW-Authenticate"); r.status != http.StatusUnauthorized || !strings.Contains(got, `error="invalid_token"`) || !strings.Contains(got, document) {
		t.Errorf("with a worthless token: answered %d with the challenge %q", r.status, got)
	}
}

// discover walks from the challenge to the endpoints and is as strict as the strictest client: each identifier must be
// what the client knew before, letter for letter.
func (g *target) discover(t *testing.T, resource, document string) {
	t.Helper()
	var protected struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
	}
	g.document(t, document, &protected)
	if protected.Resource != resource || !slices.Equal(protected.Servers, []string{g.base}) || !slices.Equal(protected.Scopes, []string{"mcp:tools"}) {
		t.Fatalf("%s holds %+v, want the resource %s at %s", document, protected, resource, g.base)
	}
	var server struct {
		Issuer        string   `json:"issuer"`
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		Registration  string   `json:"registration_endpoint"`
		Responses     []string `json:"response_types_supported"`
		Challenges    []string `json:"code_challenge_methods_supported"`
		Methods       []string `json:"token_endpoint_auth_methods_supported"`
	}
	g.document(t, protected.Servers[0]+"/.well-known/oauth-authorization-server", &server)
	if server.Issuer != protected.Servers[0] || !slices.Contains(server.Responses, "code") || !slices.Contains(server.Challenges, "S256") || !slices.Contains(server.Methods, "none") {
		t.Errorf("the authorization server says %+v", server)
	}
	for _, endpoint := range []string{server.Authorization, server.Token, server.Registration} {
		if u, err := url.Parse(endpoint); err != nil || u.Scheme+"://"+u.Host != g.base {
			t.Errorf("the endpoint %q is not at %s", endpoint, g.base)
		}
	}
}

// document fetches a metadata document as MCP clients do, with a version header.
func (g *target) document(t *testing.T, address string, into any) {
	t.Helper()
	path, ours := strings.CutPrefix(address, g.base)
	if !ours {
		t.Fatalf("%s is not at %s", address, g.base)
	}
	r := g.get(t, path, "Accept", "application/json", "MCP-Protocol-Version", "2025-11-25")
	if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		t.Fatalf("%s answers %d %q", address, r.status, r.header.Get("Content-Type"))
	}
	decode(t, r.body, into)
}

// Clients that were not told where to look, look in these places, in this order. The first that is there must be
// complete, and whatever is not there must be a plain 404: some take any other answer for a document.
func TestProbesOfWellKnownPlaces(t *testing.T) {
	t.Parallel()
	g := aim(t, startDevServer(t))
	for path, found := range map[string]bool{
		"/.well-known/oauth-protected-resource/sse":   true, // Cursor, Gemini CLI: before anything else
		"/.well-known/oauth-protected-resource":       true,
		"/.well-known/oauth-authorization-server/sse": true, // servers of 2025-03-26
		"/.well-known/oauth-authorization-server":     true,
		"/.well-known/openid-configuration/sse":       false, // Visual Studio Code: inserted, then appended
		"/.well-known/openid-configuration":           false,
		"/sse/.well-known/openid-configuration":       false,
	} {
		r := g.get(t, path, "Accept", "application/json", "MCP-Protocol-Version", "2025-06-18")
		var document map[string]json.RawMessage
		decode(t, r.body, &document)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[found]; r.status != want || r.header.Get("Location") != "" {
			t.Errorf("%s answers %d, want %d", path, r.status, want)
		}
		if found != (document["resource"] != nil || document["issuer"] != nil) {
			t.Errorf("%s holds %s", path, r.body)
		}
	}
}

// With a token the same requests say which transport and which revision is spoken here.
func TestProbesWithAToken(t *testing.T) {
	t.Parallel()
	g := aim(t, startDevServer(t))
	token := g.loggedIn(t, "alice").tokens.AccessToken

	// The old transport begins at once; a client that only wanted to look has seen the status and leaves.
	for _, accept := range []string{"*/*", jsonOrEvents, "text/event-stream"} {
		for _, version := range []string{"", "2024-11-05", "2025-11-25"} {
			t.Run("GET with Accept "+accept+" and version "+version, func(t *testing.T) {
				status, contentType := g.look(t, token, "Accept", accept, "MCP-Protocol-Version", version)
				if status != http.StatusOK || contentType != "text/event-stream" {
					t.Errorf("answered %d %q, want a stream", status, contentType)
				}
			})
		}
	}
	t.Run("server/discover of the second TypeScript SDK", func(t *testing.T) {
		r := g.rpcTo(t, "/sse", token, discover, modernHeaders("server/discover")[4:]...)
		var got struct {
			Result struct{ SupportedVersions []string }
		}
		if decode(t, r.body, &got); r.status != http.StatusOK || !slices.Contains(got.Result.SupportedVersions, "2026-07-28") {
			t.Errorf("answered %d: %s", r.status, r.body)
		}
	})
	t.Run("the start of Visual Studio Code", func(t *testing.T) {
		r := g.rpcTo(t, "/sse", token, initialize("2025-11-25"))
		var hello struct {
			Result struct{ ProtocolVersion string }
		}
		if decode(t, r.body, &hello); r.status != http.StatusOK || hello.Result.ProtocolVersion != "2025-11-25" {
			t.Fatalf("initialize answers %d: %s", r.status, r.body)
		}
		session := r.header.Get("Mcp-Session-Id")
		secrets.add(session)
		later := []string{"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session}
		if r := g.rpcTo(t, "/sse", token, notification, later...); r.status != http.StatusAccepted || r.body != "" {
			t.Errorf("notifications/initialized answers %d %q", r.status, r.body)
		}
		// It asks for a stream of messages from the server. A 405 says there is none, and all goes on; a stream of the
		// old transport would turn it away from this one.
		if r := g.get(t, "/sse", append([]string{"Authorization", "Bearer " + token, "Accept", "text/event-stream"}, later...)...); r.status != http.StatusMethodNotAllowed || !strings.Contains(r.header.Get("Allow"), "POST") {
			t.Errorf("GET with a session answers %d, Allow %q", r.status, r.header.Get("Allow"))
		}
		if r := g.rpcTo(t, "/sse", token, callOf("2", "echo", `{"message":"hi"}`), later...); r.status != http.StatusOK || !strings.Contains(r.body, `"echoed_message":"hi"`) {
			t.Errorf("echo answers %d: %s", r.status, r.body)
		}
	})
}

// look opens a GET with a token, takes the head of the answer and leaves.
func (g *target) look(t *testing.T, token string, headers ...string) (status int, contentType string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+"/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header.Get("Content-Type")
}
