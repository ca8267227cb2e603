package register_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/register"
)

const siteURL = "http://localhost:8080"

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is the room behind a real server in memory, and the resolver of the
// rooms that will be handed its client_ids.
type world struct {
	http    fasthttp.Client
	clients *client.Resolver
	log     bytes.Buffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	site, err := oauth.NewSite(siteURL)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := jose.NewRing(siteURL, secrets)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return start }
	vault := &artifact.Vault{Ring: ring, Algorithm: jose.EdDSA, Now: now, Issuers: site.Issuers()}
	w := &world{clients: client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](vault), site)}
	room := register.Room{
		Seal: artifact.NewSealer[artifact.ClientRegistration](vault),
		Site: site, Now: now, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	w.serve(t, room.Register)
	return w
}

func (w *world) serve(t testing.TB, handler fasthttp.RequestHandler) {
	listener := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: handler, MaxRequestBodySize: 1 << 20, DisablePreParseMultipartForm: true}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	w.http.Dial = func(string) (net.Conn, error) { return listener.Dial() }
	t.Cleanup(func() {
		w.http.CloseIdleConnections()
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

type answer struct {
	status int
	header map[string]string
	raw    string
	body   map[string]any
}

func (w *world) post(t testing.TB, contentType, body string) answer {
	t.Helper()
	var req fasthttp.Request
	var res fasthttp.Response
	req.SetRequestURI(siteURL + "/register")
	req.Header.SetMethod("POST")
	req.Header.SetContentType(contentType)
	req.Header.SetNoDefaultContentType(true)
	req.SetBodyString(body)
	if err := w.http.Do(&req, &res); err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode(), header: map[string]string{}, raw: string(res.Body())}
	for key, value := range res.Header.All() {
		a.header[string(key)] = string(value)
	}
	if err := json.Unmarshal(res.Body(), &a.body); err != nil {
		t.Fatalf("not a JSON object: %q", res.Body())
	}
	return a
}

func (w *world) register(t testing.TB, body string) answer {
	t.Helper()
	return w.post(t, "application/json", body)
}

func (a answer) strings(t testing.TB, name string) []string {
	t.Helper()
	list, ok := a.body[name].([]any)
	if !ok {
		t.Fatalf("%s is not an array in %s", name, a.raw)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.(string))
	}
	return all
}

func (a answer) refused(t testing.TB, status int, code string) {
	t.Helper()
	if a.status != status || a.body["error"] != code {
		t.Errorf("got %d %s, want %d %s", a.status, a.raw, status, code)
	}
	description, _ := a.body["error_description"].(string)
	if description == "" || strings.ContainsAny(description, "\"\\") || strings.ContainsFunc(description, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("error_description %q", description)
	}
	if a.header["Cache-Control"] != "no-store" {
		t.Errorf("Cache-Control %q", a.header["Cache-Control"])
	}
}

// realBodies are what the clients send. Each must register, and its client_id
// must resolve and allow every redirect URI of the body.
var realBodies = map[string]string{
	"Cursor":              `{"redirect_uris":["cursor://anysphere.cursor-mcp/oauth/callback","https://www.cursor.com/agents/mcp/oauth/callback","http://localhost:8787/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"Cursor","logo_uri":"https://ptht05hbb1ssoooe.public.blob.vercel-storage.com/assets/uploads/cursorlogomcpv3.svg","scope":"mcp:tools"}`,
	"Claude Code":         `{"client_name":"Claude Code (my-mcp)","redirect_uris":["http://localhost:61271/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":"mcp:read"}`,
	"Codex":               `{"client_name":"Codex","redirect_uris":["http://127.0.0.1:41787/callback/G03urEZeYted"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none","response_types":["code"],"scope":"mcp:read offline_access","application_type":"native"}`,
	"VS Code":             `{"client_name":"Visual Studio Code","client_uri":"https://code.visualstudio.com","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"redirect_uris":["https://insiders.vscode.dev/redirect","https://vscode.dev/redirect","http://127.0.0.1/","http://127.0.0.1:33418/"],"scope":"mcp:tools","token_endpoint_auth_method":"none","application_type":"native"}`,
	"VS Code, all grants": `{"client_name":"Visual Studio Code","client_uri":"https://code.visualstudio.com","grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],"response_types":["code"],"redirect_uris":["https://insiders.vscode.dev/redirect","https://vscode.dev/redirect","http://127.0.0.1/","http://127.0.0.1:33418/"],"token_endpoint_auth_method":"none","application_type":"native"}`,
	"mcp-remote":          `{"redirect_uris":["http://localhost:3589/oauth/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"MCP CLI Client","client_uri":"https://github.com/modelcontextprotocol/mcp-cli","software_id":"2e6dc280-f3c3-4e01-99a7-8181dbd1d23d","software_version":"0.15.1","scope":"mcp:read offline_access","application_type":"native"}`,
	"Inspector":           `{"redirect_uris":["http://127.0.0.1:6276/oauth/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"MCP Inspector","client_uri":"https://github.com/modelcontextprotocol/inspector","scope":"mcp:read offline_access","application_type":"native"}`,
	"OpenCode":            `{"redirect_uris":["http://127.0.0.1:19876/mcp/oauth/callback"],"client_name":"OpenCode","client_uri":"https://opencode.ai","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":"mcp:read offline_access"}`,
	"SDK 1.x":             `{"client_name":"v1","redirect_uris":["http://127.0.0.1:45678/cb"],"scope":"mcp:read"}`,
	"Gemini CLI":          `{"client_name":"Gemini CLI MCP Client","redirect_uris":["http://localhost:7777/oauth/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":""}`,
	"mcp-go":              `{"client_name":"x","redirect_uris":["http://localhost:8085/oauth/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"scope":"","resource":"http://localhost:8080/sse"}`,
	"claude.ai":           `{"client_name":"Claude","redirect_uris":["https://claude.ai/api/mcp/auth_callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_post"}`,
	"LibreChat":           `{"client_name":"LibreChat MCP Client","redirect_uris":["https://chat.example.com/api/mcp/srv/oauth/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_basic"}`,
}

func TestRealClientsRegister(t *testing.T) {
	w := newWorld(t)
	for name, body := range realBodies {
		t.Run(name, func(t *testing.T) {
			a := w.register(t, body)
			if a.status != 201 || a.header["Cache-Control"] != "no-store" || a.header["Content-Type"] != "application/json" {
				t.Fatalf("got %d %v %s", a.status, a.header, a.raw)
			}
			var sent struct {
				Name         string   `json:"client_name"`
				RedirectURIs []string `json:"redirect_uris"`
			}
			if err := json.Unmarshal([]byte(body), &sent); err != nil {
				t.Fatal(err)
			}
			if got := a.strings(t, "redirect_uris"); !slices.Equal(got, sent.RedirectURIs) {
				t.Errorf("redirect_uris %q", got)
			}
			id := a.body["client_id"].(string)
			c, err := w.clients.Resolve(id)
			if err != nil {
				t.Fatal(err)
			}
			for _, uri := range sent.RedirectURIs {
				if !c.Allows(uri) {
					t.Errorf("registered and not allowed: %s", uri)
				}
			}
			if c.Name != sent.Name || a.body["client_name"] != sent.Name || c.NoRefresh {
				t.Errorf("client %+v, client_name %v", c, a.body["client_name"])
			}
			want := map[string]any{"token_endpoint_auth_method": "none", "scope": "mcp:tools", "client_id_issued_at": float64(start.Unix())}
			for key, value := range want {
				if a.body[key] != value {
					t.Errorf("%s is %v", key, a.body[key])
				}
			}
			for _, absent := range []string{"client_secret", "client_secret_expires_at", "registration_client_uri", "registration_access_token"} {
				if _, there := a.body[absent]; there {
					t.Errorf("%s is in the answer", absent)
				}
			}
			if strings.Contains(a.raw, "null") || strings.Contains(a.raw, `""`) {
				t.Errorf("null or empty member in %s", a.raw)
			}
		})
	}
}

func TestClientIDSizes(t *testing.T) {
	w := newWorld(t)
	for name, limit := range map[string]int{"Cursor": 640, "Claude Code": 480, "Codex": 480, "mcp-remote": 480, "Inspector": 480, "OpenCode": 480, "SDK 1.x": 480} {
		id := w.register(t, realBodies[name]).body["client_id"].(string)
		t.Logf("%s: %d characters", name, len(id))
		if len(id) > limit {
			t.Errorf("%s: client_id of %d characters, budget %d", name, len(id), limit)
		}
	}
}

func TestEqualRegistrationsAreTwoClients(t *testing.T) {
	w := newWorld(t)
	body := `{"redirect_uris":["https://app.example/cb"],"client_id":"mine"}`
	first, second := w.register(t, body).body["client_id"], w.register(t, body).body["client_id"]
	if first == second || first == "mine" || second == "mine" {
		t.Errorf("client_ids %v and %v", first, second)
	}
}

func TestUnusableRedirectURIsAreDropped(t *testing.T) {
	w := newWorld(t)
	a := w.register(t, `{"redirect_uris":["http://example.com/cb","https://app.example/cb","https://x/*","http://localhost:8080/callback","https://a@b/cb","cursor://x/y"]}`)
	if got := a.strings(t, "redirect_uris"); a.status != 201 || !slices.Equal(got, []string{"https://app.example/cb", "cursor://x/y"}) {
		t.Errorf("got %d %q", a.status, got)
	}
	c, err := w.clients.Resolve(a.body["client_id"].(string))
	if err != nil || c.Allows("http://example.com/cb") || !c.Allows("cursor://x/y") {
		t.Errorf("client %+v, %v", c, err)
	}
}

func TestRefusedRedirectURIs(t *testing.T) {
	w := newWorld(t)
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = `"https://app.example/cb` + string(rune('a'+i)) + `"`
	}
	for name, value := range map[string]string{
		"empty array": `[]`, "null": `null`, "a string": `"https://app.example/cb"`, "an object": `{}`, "a number": `[1]`, "a null": `["https://app.example/cb",null]`, "nested": `[["https://app.example/cb"]]`,
		"eleven": "[" + strings.Join(eleven, ",") + "]", "duplicates": `["https://app.example/cb","https://app.example/cb"]`,
		"513 bytes":    `["https://app.example/cb","https://app.example/` + strings.Repeat("a", 513-len("https://app.example/")) + `"]`,
		"nothing left": `["http://example.com/cb","https://x/*"]`,
		"javascript":   `["https://app.example/cb","javascript:alert(1)"]`, "disguised": `["https://app.example/cb"," JaVa\tScript:alert(1)"]`,
		"data": `["data:text/html,x","https://app.example/cb"]`, "vbscript": `["vbscript:x"]`, "blob": `["blob:https://x/y"]`, "file": `["file:///etc/passwd"]`,
		"empty string": `[""]`, "our own callback": `["http://127.0.0.1:8080/callback"]`,
	} {
		t.Run(name, func(t *testing.T) {
			w.register(t, `{"redirect_uris":`+value+`}`).refused(t, 400, "invalid_redirect_uri")
		})
	}
	t.Run("missing", func(t *testing.T) { w.register(t, `{}`).refused(t, 400, "invalid_redirect_uri") })
	t.Run("other case", func(t *testing.T) {
		w.register(t, `{"Redirect_URIs":["https://app.example/cb"],"REDIRECT_URIS":["https://app.example/cb"]}`).refused(t, 400, "invalid_redirect_uri")
	})
}

func TestRefusedMetadata(t *testing.T) {
	w := newWorld(t)
	long := make([]string, 6)
	for i := range long {
		long[i] = `"https://app.example/` + string(rune('a'+i)) + strings.Repeat("a", 480) + `"`
	}
	for name, members := range map[string]string{
		"name of 101 characters":     `"client_name":"` + strings.Repeat("ü", 101) + `"`,
		"name with a line break":     `"client_name":"a\nb"`,
		"name with NUL":              `"client_name":"a\u0000b"`,
		"name turned around":         `"client_name":"a\u202Eb"`,
		"name with an isolate":       `"client_name":"a\u2066b"`,
		"name with zero width":       `"client_name":"a\u200Bb"`,
		"name with a joiner":         `"client_name":"a\u200Db"`,
		"name with a BOM":            `"client_name":"a\uFEFFb"`,
		"name with a filler":         `"client_name":"a\u3164b"`,
		"name with a soft hyphen":    `"client_name":"a\u00ADb"`,
		"name with a line separator": `"client_name":"a\u2028b"`,
		"name that is a number":      `"client_name":1`,
		"name that is an array":      `"client_name":["a"]`,
		"unknown auth method":        `"token_endpoint_auth_method":"password"`,
		"auth method in upper case":  `"token_endpoint_auth_method":"None"`,
		"auth method number":         `"token_endpoint_auth_method":1`,
		"grants unusable":            `"grant_types":["implicit","password","client_credentials"]`,
		"refresh alone":              `"grant_types":["refresh_token"]`,
		"grants a string":            `"grant_types":"authorization_code"`,
		"grants of numbers":          `"grant_types":[1]`,
		"grants with null":           `"grant_types":["authorization_code",null]`,
		"40 grants":                  `"grant_types":["authorization_code"` + strings.Repeat(`,"x"`, 39) + `]`,
		"responses unusable":         `"response_types":["token","id_token"]`,
		"responses a string":         `"response_types":"code"`,
		"scope an array":             `"scope":["mcp:tools"]`,
		"scope above 2 KB":           `"scope":"` + strings.Repeat("a ", 1025) + `"`,
		"application_type number":    `"application_type":1`,
		"client_uri script":          `"client_uri":"javascript:alert(1)"`,
		"client_uri http":            `"client_uri":"http://example.com"`,
		"client_uri relative":        `"client_uri":"/x"`,
		"client_uri metadata":        `"client_uri":"http://169.254.169.254/"`,
		"client_uri with user":       `"client_uri":"https://a@b/"`,
		"client_uri number":          `"client_uri":1`,
		"logo_uri data":              `"logo_uri":"data:image/png;base64,AA"`,
		"tos_uri ftp":                `"tos_uri":"ftp://example.com/x"`,
		"policy_uri file":            `"policy_uri":"file:///etc/passwd"`,
		"policy_uri too long":        `"policy_uri":"https://example.com/` + strings.Repeat("a", 2048) + `"`,
		"jwks twice":                 `"jwks":{"keys":[]},"jwks_uri":"https://example.com/jwks"`,
		"jwks a string":              `"jwks":"x"`,
		"jwks_uri a number":          `"jwks_uri":1`,
		"jwks with a private key":    `"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}`,
		"jwks with a shared key":     `"jwks":{"keys":[{"kty":"oct","k":"AA"}]}`,
		"duplicate name":             `"client_name":"a","client_name":"b"`,
		"duplicate in the unknown":   `"x":{"a":1,"a":2}`,
		"duplicate by escape":        `"client_name":"a","client_\u006eame":"b"`,
		"17 levels":                  `"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16),
		"10,000 levels":              `"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			w.register(t, `{"redirect_uris":["https://app.example/cb"],`+members+`}`).refused(t, 400, "invalid_client_metadata")
		})
	}
	t.Run("client_id too long", func(t *testing.T) {
		w.register(t, `{"redirect_uris":[`+strings.Join(long, ",")+`]}`).refused(t, 400, "invalid_client_metadata")
	})
	t.Run("software statement", func(t *testing.T) {
		w.register(t, `{"redirect_uris":["https://app.example/cb"],"software_statement":"eyJhbGciOiJub25lIn0.e30."}`).refused(t, 400, "invalid_software_statement")
	})
}

func TestRefusedBodies(t *testing.T) {
	w := newWorld(t)
	good := `{"redirect_uris":["https://app.example/cb"]}`
	for name, body := range map[string]string{
		"empty": "", "blank": "  ", "null": "null", "array": "[" + good + "]", "string": `"x"`, "number": "1",
		"trailing junk": good + "x", "two objects": good + good, "byte order mark": "\ufeff" + good, "cut": good[:len(good)-1],
		"single quotes": strings.ReplaceAll(good, `"`, "'"), "comment": good + "//", "trailing comma": `{"redirect_uris":["https://app.example/cb"],}`,
		"invalid UTF-8": "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"\xff\"}", "lone surrogate": `{"redirect_uris":["https://app.example/cb"],"client_name":"\ud800"}`,
	} {
		t.Run(name, func(t *testing.T) { w.register(t, body).refused(t, 400, "invalid_client_metadata") })
	}
	t.Run("64 KB and a byte", func(t *testing.T) {
		w.register(t, good+strings.Repeat(" ", register.MaxBody-len(good)+1)).refused(t, 413, "invalid_client_metadata")
	})
	t.Run("1 MB", func(t *testing.T) {
		w.register(t, good+strings.Repeat(" ", 1<<20-len(good))).refused(t, 413, "invalid_client_metadata")
	})
	t.Run("64 KB", func(t *testing.T) {
		if a := w.register(t, good+strings.Repeat(" ", register.MaxBody-len(good))); a.status != 201 {
			t.Errorf("got %d %s", a.status, a.raw)
		}
	})
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "application/json; charset=latin1", "application/jsonx", "application/json, text/plain", "application/json;;"} {
		t.Run("type "+contentType, func(t *testing.T) {
			w.post(t, contentType, good).refused(t, 415, "invalid_client_metadata")
		})
	}
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""} {
		if a := w.post(t, contentType, good); a.status != 201 {
			t.Errorf("%s: got %d %s", contentType, a.status, a.raw)
		}
	}
}

func TestWhatIsKeptIsEchoed(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, members string
		want          map[string]any
	}{
		{"nothing given", ``, map[string]any{"grant_types": []any{"authorization_code", "refresh_token"}, "response_types": []any{"code"}, "client_name": "app.example"}},
		{"supersets are reduced", `,"grant_types":["authorization_code","implicit"],"response_types":["code","token"]`, map[string]any{"grant_types": []any{"authorization_code"}, "response_types": []any{"code"}}},
		{"empty lists mean nothing given", `,"grant_types":[],"response_types":[]`, map[string]any{"grant_types": []any{"authorization_code", "refresh_token"}, "response_types": []any{"code"}}},
		{"nulls are absent", `,"client_name":null,"grant_types":null,"scope":null,"logo_uri":null,"software_statement":null,"jwks":null`, map[string]any{"client_name": "app.example", "logo_uri": nil}},
		{"secrets are not issued", `,"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://app.example/jwks"`, map[string]any{"token_endpoint_auth_method": "none", "jwks_uri": nil}},
		{"addresses", `,"client_uri":"https://app.example","logo_uri":"http://localhost:3000/logo.png","tos_uri":"","policy_uri":"https://app.example/p"`, map[string]any{"client_uri": "https://app.example", "logo_uri": "http://localhost:3000/logo.png", "tos_uri": nil, "policy_uri": "https://app.example/p"}},
		{"application type", `,"application_type":"native"`, map[string]any{"application_type": "native"}},
		{"odd application type", `,"application_type":"robot"`, map[string]any{"application_type": nil}},
		{"scope is what is granted", `,"scope":"admin claudeai"`, map[string]any{"scope": "mcp:tools"}},
		{"name is trimmed", `,"client_name":"  My app "`, map[string]any{"client_name": "My app"}},
		{"names of the world", `,"client_name":"Böhm の アプリ 🚀"`, map[string]any{"client_name": "Böhm の アプリ 🚀"}},
		{"name of 100 characters", `,"client_name":"` + strings.Repeat("ü", 100) + `"`, map[string]any{"client_name": strings.Repeat("ü", 100)}},
		{"16 levels", `,"x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15), map[string]any{"client_name": "app.example"}},
		{"unknown members", `,"contacts":["a@b"],"x":{"y":[1]},"client_name#ja":"x","CLIENT_NAME":"Evil","sector_identifier_uri":"http://169.254.169.254/"`, map[string]any{"client_name": "app.example", "contacts": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.register(t, `{"redirect_uris":["https://app.example/cb"]`+c.members+`}`)
			if a.status != 201 {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			for name, want := range c.want {
				got, _ := json.Marshal(a.body[name])
				wanted, _ := json.Marshal(want)
				if !bytes.Equal(got, wanted) {
					t.Errorf("%s is %s, want %s", name, got, wanted)
				}
			}
		})
	}
}

func TestTheGrantTypesDecideOverRefreshTokens(t *testing.T) {
	w := newWorld(t)
	for members, want := range map[string]bool{
		``: false, `,"grant_types":["authorization_code","refresh_token"]`: false, `,"grant_types":["authorization_code"]`: true,
	} {
		a := w.register(t, `{"redirect_uris":["https://app.example/cb"]`+members+`}`)
		c, err := w.clients.Resolve(a.body["client_id"].(string))
		if err != nil || c.NoRefresh != want {
			t.Errorf("%s: NoRefresh %v, %v", members, c.NoRefresh, err)
		}
	}
}

// The log names a client by its digest: the client_id itself is the key to its
// registration.
func TestTheLogHoldsNoClientID(t *testing.T) {
	w := newWorld(t)
	id := w.register(t, realBodies["Cursor"]).body["client_id"].(string)
	w.register(t, `{"redirect_uris":["javascript:canary"],"client_name":"canary"}`)
	log := w.log.String()
	if strings.Contains(log, id) || strings.Contains(log, "canary") || !strings.Contains(log, string(artifact.DigestOf(id))) {
		t.Errorf("log:\n%s", log)
	}
}
