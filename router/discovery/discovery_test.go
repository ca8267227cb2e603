package discovery_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/router/discovery"
	"mcp-oauth-server/router/oauth"
)

var update = flag.Bool("update", false, "rewrite the golden documents")

const (
	publicURL   = "https://mcp.example.com"
	loopbackURL = "http://localhost:8080"
)

// serve runs the room behind a server in memory, and returns what sends it a
// request as raw bytes: only so can a Host header be anything.
func serve(t *testing.T, serverURL string) func(path, headers string) *fasthttp.Response {
	t.Helper()
	site, err := oauth.NewSite(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := jose.NewRing(serverURL, secrets)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ring.JWKS(jose.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	room := discovery.Room{Site: site, KeySet: keys, Name: "Example tools"}
	routes := map[string]fasthttp.RequestHandler{
		"/.well-known/oauth-authorization-server":   room.AuthorizationServer,
		"/.well-known/oauth-protected-resource/sse": room.ProtectedResource("/sse"),
		"/.well-known/oauth-protected-resource/mcp": room.ProtectedResource("/mcp"),
		"/jwks.json": room.JWKS,
	}
	listener := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) { routes[string(ctx.Path())](ctx) }}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(path, headers string) *fasthttp.Response {
		t.Helper()
		return exchange(t, listener.Dial, "GET "+path+" HTTP/1.1\r\n"+headers+"Connection: close\r\n\r\n")
	}
}

func exchange(t *testing.T, dial func() (net.Conn, error), request string) *fasthttp.Response {
	t.Helper()
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(conn); err != nil {
		t.Fatal(err)
	}
	var res fasthttp.Response
	if err := res.Read(bufio.NewReader(&raw)); err != nil {
		t.Fatal(err)
	}
	return &res
}

func TestDocuments(t *testing.T) {
	for _, mode := range []struct{ name, url, host string }{
		{"public", publicURL, "mcp.example.com"},
		{"loopback", loopbackURL, "localhost:8080"},
		{"loopback-ip", loopbackURL, "127.0.0.1:8080"},
	} {
		get := serve(t, mode.url)
		for document, path := range map[string]string{
			"authorization-server": "/.well-known/oauth-authorization-server",
			"resource-sse":         "/.well-known/oauth-protected-resource/sse",
			"resource-mcp":         "/.well-known/oauth-protected-resource/mcp",
		} {
			t.Run(mode.name+"/"+document, func(t *testing.T) {
				res := get(path, "Host: "+mode.host+"\r\n")
				if res.StatusCode() != 200 || string(res.Header.ContentType()) != "application/json" {
					t.Fatalf("got %d %s", res.StatusCode(), res.Header.ContentType())
				}
				compare(t, filepath.Join("testdata", mode.name+"-"+document+".json"), res.Body())
			})
		}
	}
}

func compare(t *testing.T, golden string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pretty.Bytes(), want) {
		t.Errorf("%s differs; got\n%s", golden, pretty.Bytes())
	}
}

// The documents of one server agree with each other and are parts of one whole:
// clients compare them byte by byte.
func TestDocumentsAgree(t *testing.T) {
	for _, host := range []string{"localhost:8080", "127.0.0.1:8080", "[::1]:8080"} {
		get := serve(t, loopbackURL)
		var server struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		var resource struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
		}
		read(t, get("/.well-known/oauth-authorization-server", "Host: "+host+"\r\n"), &server)
		read(t, get("/.well-known/oauth-protected-resource/sse", "Host: "+host+"\r\n"), &resource)
		if server.Issuer != "http://"+host || len(resource.Servers) != 1 || resource.Servers[0] != server.Issuer || resource.Resource != server.Issuer+"/sse" {
			t.Errorf("%s: issuer %q, servers %q, resource %q", host, server.Issuer, resource.Servers, resource.Resource)
		}
		if strings.Contains(strings.Join(resource.Scopes, " "), oauth.ScopeOffline) {
			t.Errorf("the resource asks for %s", oauth.ScopeOffline)
		}
	}
}

func read(t *testing.T, res *fasthttp.Response, document any) {
	t.Helper()
	if err := json.Unmarshal(res.Body(), document); err != nil {
		t.Fatalf("%v in %s", err, res.Body())
	}
}

func TestNoHeaderChangesAPublicDocument(t *testing.T) {
	get := serve(t, publicURL)
	path := "/.well-known/oauth-authorization-server"
	want := get(path, "Host: mcp.example.com\r\n").Body()
	for _, headers := range []string{
		"Host: evil.example\r\n",
		"Host: localhost:8080\r\n",
		"Host: mcp.example.com\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n",
		"Host: mcp.example.com\r\nForwarded: host=evil.example;proto=http\r\n",
		"Host: mcp.example.com\r\nX-Original-URL: /evil\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Port: 81\r\n",
	} {
		if got := get(path, headers).Body(); !bytes.Equal(got, want) {
			t.Errorf("with %q: %s", headers, got)
		}
	}
	for _, target := range []string{"http://evil.example" + path, path + "?resource=evil"} {
		if got := get(target, "Host: mcp.example.com\r\n").Body(); !bytes.Equal(got, want) {
			t.Errorf("as %s: %s", target, got)
		}
	}
}

func TestALoopbackServerRefusesForeignHosts(t *testing.T) {
	get := serve(t, loopbackURL)
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/sse"} {
		for _, host := range []string{"evil.example", "localhost.evil.example:8080", "192.0.2.1:8080"} {
			res := get(path, "Host: "+host+"\r\n")
			if res.StatusCode() != 421 || bytes.Contains(res.Body(), []byte("evil")) {
				t.Errorf("%s at %s: %d %s", host, path, res.StatusCode(), res.Body())
			}
		}
		// The target's own host counts where there is one (RFC 9112 §3.2.2).
		if res := get("http://evil.example"+path, "Host: localhost:8080\r\n"); res.StatusCode() != 421 {
			t.Errorf("absolute target: %d", res.StatusCode())
		}
	}
}

func TestCaching(t *testing.T) {
	public, loopback := serve(t, publicURL), serve(t, loopbackURL)
	for path, want := range map[string][2]string{
		"/.well-known/oauth-authorization-server":   {"public, max-age=300", "no-store"},
		"/.well-known/oauth-protected-resource/sse": {"public, max-age=300", "no-store"},
		"/jwks.json": {"public, max-age=300", "public, max-age=300"},
	} {
		a, b := public(path, "Host: mcp.example.com\r\n"), loopback(path, "Host: localhost:8080\r\n")
		if got := string(a.Header.Peek("Cache-Control")); got != want[0] || len(a.Header.Peek("Pragma")) != 0 {
			t.Errorf("%s, public: %q", path, got)
		}
		if got := string(b.Header.Peek("Cache-Control")); got != want[1] {
			t.Errorf("%s, loopback: %q", path, got)
		}
	}
}

func TestTheKeySetIsPublic(t *testing.T) {
	res := serve(t, publicURL)("/jwks.json", "Host: mcp.example.com\r\n")
	var set struct{ Keys []map[string]any }
	read(t, res, &set)
	if res.StatusCode() != 200 || string(res.Header.ContentType()) != "application/json" || len(set.Keys) != 1 {
		t.Fatalf("%d %s", res.StatusCode(), res.Body())
	}
	for _, key := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := key[private]; there {
				t.Errorf("the key set has %s", private)
			}
		}
		if key["use"] != "sig" || key["alg"] != "EdDSA" || key["kid"] == "" || key["kty"] != "OKP" {
			t.Errorf("key %v", key)
		}
	}
}
