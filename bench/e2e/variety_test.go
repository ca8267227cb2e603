package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// Every well-known client registers with the body it really sends, and logs in with each of its redirect URIs.
func TestRegistrationsOfWellKnownClients(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	for _, client := range []struct {
		name, body string
		redirects  []string
	}{
		{"Cursor", cursorBody, []string{
			"cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback",
		}},
		{"Claude Code", `{"client_name":"Claude Code (demo)","redirect_uris":["http://localhost:61271/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":"mcp:read"}`,
			// The port of a loopback redirect is chosen at each login.
			[]string{"http://localhost:61271/callback", "http://localhost:3118/callback"}},
		{"Codex", `{"client_name":"Codex","redirect_uris":["http://127.0.0.1:41787/callback/G03urEZeYted"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none","response_types":["code"],"scope":"mcp:tools offline_access","application_type":"native"}`,
			[]string{"http://127.0.0.1:50000/callback/G03urEZeYted"}},
		{"Visual Studio Code", `{"client_name":"Visual Studio Code","client_uri":"https://code.visualstudio.com","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"redirect_uris":["https://insiders.vscode.dev/redirect","https://vscode.dev/redirect","http://127.0.0.1/","http://127.0.0.1:33418/"],"scope":"mcp:tools","token_endpoint_auth_method":"none","application_type":"native"}`,
			[]string{"https://vscode.dev/redirect", "http://127.0.0.1:33418/", "http://127.0.0.1:40001/"}},
		{"claude.ai", `{"client_name":"Claude","redirect_uris":["https://claude.ai/api/mcp/auth_callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_post","scope":"claudeai"}`,
			[]string{"https://claude.ai/api/mcp/auth_callback"}},
		{"a host on the first TypeScript SDK", `{"client_name":"v1","redirect_uris":["http://127.0.0.1:45678/cb"],"scope":"mcp:read"}`,
			[]string{"http://127.0.0.1:45678/cb"}},
		{"Gemini CLI", `{"client_name":"Gemini CLI MCP Client","redirect_uris":["http://localhost:7777/oauth/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":""}`,
			[]string{"http://localhost:40002/oauth/callback"}},
	} {
		for _, redirect := range client.redirects {
			t.Run(client.name+" to "+redirect, func(t *testing.T) {
				a := newApp(server.url(), "alice")
				a.redirect = redirect
				a.registerAs(t, client.body)
				for _, step := range a.steps()[1:] {
					step.do(t)
				}
				a.useTools(t)
			})
		}
	}
}

// registerAs registers with a given body, and wants a public client, whatever it asked for.
func (a *app) registerAs(t *testing.T, body string) {
	t.Helper()
	status, _, answer := a.do(t, http.MethodPost, a.base+"/register", "application/json", body)
	if status != http.StatusCreated {
		t.Fatalf("POST /register answers %d: %s", status, answer)
	}
	var client struct {
		ID     string  `json:"client_id"`
		Secret *string `json:"client_secret"`
		Method string  `json:"token_endpoint_auth_method"`
	}
	decode(t, answer, &client)
	if client.Method != "none" || client.Secret != nil || strings.Contains(answer, "null") {
		t.Errorf("the registration is answered with %s", answer)
	}
	a.clientID = client.ID
}

// Two clients start a login in two tabs of one browser at the same time: neither spoils the other.
func TestParallelTabs(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	one, two := newApp(server.url(), "alice"), newApp(server.url(), "alice")
	two.browser = one.browser
	steps := [2][]step{one.steps(), two.steps()}
	for i := range steps[0] {
		steps[0][i].do(t)
		steps[1][i].do(t)
	}
	one.useTools(t)
	two.useTools(t)
}

// The back button: the form of a consent page that was answered once is sent again, and the first login still ends well.
func TestConsentSentTwice(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	a := newApp(server.url(), "alice")
	a.register(t)
	a.authorize(t)
	a.approve(t)
	first := a.toProvider
	a.approve(t)
	for _, toProvider := range []*page{a.toProvider, first} {
		a.toProvider = toProvider
		for _, step := range a.steps()[3:] {
			step.do(t)
		}
		a.useTools(t)
	}
}
