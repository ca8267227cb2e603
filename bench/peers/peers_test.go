package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// running is a peer on a test server.
func running(t *testing.T, name string) (*httptest.Server, peer) {
	t.Helper()
	// The server's address is part of what the peer is built with.
	var p peer
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	p, err := peers[name](s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func send(t *testing.T, url, contentType, bearer, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("MCP-Protocol-Version", "2025-06-18")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The token peers do the work the tables say: PKCE is checked, a code works
// once, the access token is an ES256 JWT and there is a refresh token.
func TestTokenPeersDoTheWork(t *testing.T) {
	for name, path := range map[string]string{
		"go-oauth2": "/token", "fosite": "/token", "zitadel": "/oauth/token", "zitadel-map": "/oauth/token",
	} {
		t.Run(name, func(t *testing.T) {
			s, p := running(t, name)
			forms, err := p.prepare(2)
			if err != nil || len(forms) != 2 {
				t.Fatal(forms, err)
			}
			post := func(form string) (int, string) {
				return send(t, s.URL+path, "application/x-www-form-urlencoded", "", form)
			}
			changed, err := url.ParseQuery(forms[0])
			if err != nil {
				t.Fatal(err)
			}
			changed.Set("code_verifier", strings.Repeat("x", 43))
			if status, text := post(changed.Encode()); status/100 != 4 {
				t.Errorf("another verifier: %d %s", status, text)
			}
			status, text := post(forms[1])
			var tokens struct {
				Access  string `json:"access_token"`
				Refresh string `json:"refresh_token"`
			}
			if err := json.Unmarshal([]byte(text), &tokens); status != 200 || err != nil || tokens.Refresh == "" {
				t.Fatalf("%d %s", status, text)
			}
			head, _, _ := strings.Cut(tokens.Access, ".")
			if decoded, err := base64.RawURLEncoding.DecodeString(head); err != nil || !strings.Contains(string(decoded), `"ES256"`) {
				t.Errorf("the access token's head is %q, %v", decoded, err)
			}
			if status, text := post(forms[1]); status/100 != 4 {
				t.Errorf("the second use of a code: %d %s", status, text)
			}
		})
	}
}

// The MCP peers check the bearer and run the tool.
func TestCallPeersDoTheWork(t *testing.T) {
	message := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"a word"}}}`
	for _, name := range []string{"go-sdk-jwt", "go-sdk-map", "mcp-go-jwt", "mcp-go-map"} {
		t.Run(name, func(t *testing.T) {
			s, p := running(t, name)
			tokens, err := p.prepare(2)
			if err != nil || len(tokens) != 2 || tokens[0] == tokens[1] {
				t.Fatal(tokens, err)
			}
			if status, text := send(t, s.URL+"/mcp", "application/json", tokens[1], message); status != 200 || !strings.Contains(text, "a word") {
				t.Errorf("%d %s", status, text)
			}
			for _, bad := range []string{"", "x", tokens[0][:len(tokens[0])-6] + "AAAAAA"} {
				if status, text := send(t, s.URL+"/mcp", "application/json", bad, message); status != http.StatusUnauthorized {
					t.Errorf("token %q: %d %s", bad, status, text)
				}
			}
		})
	}
}
