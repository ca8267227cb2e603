package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-oauth-server/router/upstream/upstreamtest"
)

// place is where an artifact is taken over HTTP. put presents a string there and says whether it was taken for genuine.
// inHeader tells that HTTP itself strips white space around it.
type place struct {
	kind     string
	put      func(t *testing.T, artifact string) (taken bool)
	once     bool // the genuine artifact is taken once only (a state is too, by its cookie, which stays here on purpose)
	inHeader bool
}

// loot is one genuine artifact of each kind, all of the same user and the same client.
type loot struct {
	g         *target
	idp       *upstreamtest.Server
	artifacts map[string]string
	places    []place
}

// plunder takes one login apart and another one up to its code.
func plunder(t *testing.T) *loot {
	t.Helper()
	g, idp := attackBehind(t, "CODE_TTL=10m")
	l := &loot{g: g, idp: idp, artifacts: map[string]string{}}
	a := g.loggedIn(t, "user")
	_, s := a.openStream(t)
	endpoint, err := url.Parse(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	hello := g.rpcTo(t, "/sse", a.tokens.AccessToken, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)

	// The same client logs in again: its ticket, state and code are not used up.
	b := g.app("user")
	b.clientID = a.clientID
	b.authorize(t)
	ticket := b.fillTicket(t)
	csrf := cookieHeader(b.consent.cookies)
	b.approve(t)
	flow := cookieHeader(b.toProvider.cookies)
	b.signIn(t)
	c := g.app("user")
	c.clientID = a.clientID
	for _, step := range c.steps()[1:5] {
		step.do(t)
	}
	long := l.longState(t, a.clientID)

	l.artifacts = map[string]string{
		"client_id": a.clientID, "ticket": ticket, "state": b.callback.Query().Get("state"), "code": c.code,
		"access": a.tokens.AccessToken, "refresh": a.tokens.RefreshToken,
		"session": hello.header.Get("Mcp-Session-Id"), "stream": endpoint.Query().Get("stream"), "long state": long.sealed,
	}
	l.places = []place{
		{kind: "client_id", put: func(t *testing.T, x string) bool {
			return strings.Contains(g.get(t, b.authorizePath(t, "client_id", x)).body, `name="ticket"`)
		}},
		{kind: "client_id", put: func(t *testing.T, x string) bool {
			return g.form(t, "/token", a.refreshForm("client_id", x)).status == http.StatusOK
		}},
		{kind: "ticket", put: func(t *testing.T, x string) bool {
			return g.form(t, "/consent", url.Values{"ticket": {x}, "action": {"approve"}}.Encode(), "Cookie", csrf).header.Get("Location") != ""
		}},
		{kind: "state", put: func(t *testing.T, x string) bool {
			return g.get(t, "/callback?"+url.Values{"state": {x}, "code": {b.callback.Query().Get("code")}}.Encode(), "Cookie", flow).header.Get("Location") != ""
		}},
		{kind: "code", once: true, put: func(t *testing.T, x string) bool {
			return g.form(t, "/token", c.codeForm("code", x)).status == http.StatusOK
		}},
		{kind: "access", inHeader: true, put: func(t *testing.T, x string) bool {
			return g.rpcTo(t, "/sse", x, ping).status == http.StatusOK
		}},
		{kind: "refresh", put: func(t *testing.T, x string) bool {
			return g.form(t, "/token", a.refreshForm("refresh_token", x)).status == http.StatusOK
		}},
		{kind: "session", inHeader: true, put: func(t *testing.T, x string) bool {
			return g.rpcTo(t, "/sse", a.tokens.AccessToken, ping, "Mcp-Session-Id", x, "MCP-Protocol-Version", "2025-11-25").status == http.StatusOK
		}},
		{kind: "stream", put: func(t *testing.T, x string) bool {
			return g.rpcTo(t, "/sse/message?"+url.Values{"stream": {x}}.Encode(), a.tokens.AccessToken, ping).status == http.StatusAccepted
		}},
		{kind: "long state", inHeader: true, put: long.put},
	}
	for kind, artifact := range l.artifacts {
		if strings.Count(artifact, ".") != 4 {
			t.Fatalf("the %s is no compact JWE: %.20s…", kind, artifact)
		}
	}
	return l
}

// longState is the artifact that holds a client's state when the provider's would be too long.
type longState struct {
	sealed string
	put    func(*testing.T, string) bool
}

func (l *loot) longState(t *testing.T, clientID string) longState {
	t.Helper()
	a := l.g.app("user")
	a.clientID = clientID
	a.authorizePath(t) // sets the verifier
	a.state = strings.Repeat("long state ", 180)
	a.consent = a.browser.open(t, a.authorizeURL())
	a.approve(t)
	a.signIn(t)
	name, value, _ := strings.Cut(cookieHeader(a.toProvider.cookies), "=")
	binding, sealed, _ := strings.Cut(value, ".")
	return longState{sealed, func(t *testing.T, x string) bool {
		return l.g.get(t, "/callback?"+a.callback.RawQuery, "Cookie", name+"="+binding+"."+x).header.Get("Location") != ""
	}}
}

// fillTicket returns the ticket in the consent form.
func (a *app) fillTicket(t *testing.T) string {
	t.Helper()
	return a.browser.fill(t, a.consent.form, "approve").Get("ticket")
}

// cookieHeader is what a browser sends back.
func cookieHeader(cookies []*http.Cookie) string {
	var pairs []string
	for _, c := range cookies {
		if c.Value != "" {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	return strings.Join(pairs, "; ")
}

// Every artifact is presented in every other one's place, and mangled in its own: each byte, each length, each other
// spelling. None is taken, nothing breaks, and none of it uses up the genuine ones, which are taken at the end.
func TestNoArtifactIsTakenForAnother(t *testing.T) {
	t.Parallel()
	l := plunder(t)
	calls := l.idp.Hits(upstreamtest.Token)
	for _, p := range l.places {
		for kind, artifact := range l.artifacts {
			if kind != p.kind && p.put(t, artifact) {
				t.Errorf("a %s is taken for a %s", kind, p.kind)
			}
		}
		l.mangle(t, p)
	}
	if now := l.idp.Hits(upstreamtest.Token); now != calls {
		t.Errorf("forged states made %d calls to the provider", now-calls)
	}
	for _, p := range l.places {
		if !p.put(t, l.artifacts[p.kind]) {
			t.Errorf("the genuine %s is not taken", p.kind)
		}
		if p.once && p.put(t, l.artifacts[p.kind]) {
			t.Errorf("the genuine %s is taken twice", p.kind)
		}
	}
}

// mangle presents copies of an artifact that differ from it in one bit, in their length or in their spelling.
func (l *loot) mangle(t *testing.T, p place) {
	t.Helper()
	genuine := l.artifacts[p.kind]
	copies := append(bitFlips(genuine), spellings(genuine)...)
	var taken atomic.Int64
	flood(len(copies), func(i int) {
		if p.inHeader && strings.TrimSpace(copies[i]) == genuine {
			return // HTTP takes the white space off: this is the genuine one
		}
		if p.put(t, copies[i]) && taken.Add(1) < 5 {
			t.Errorf("a %s is taken with byte %d changed: …%.40q", p.kind, firstDifference(genuine, copies[i]), copies[i][max(0, len(copies[i])-40):])
		}
	})
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// bitFlips returns a copy for each character of a token: the lowest of its six bits is flipped. In the last character of
// a part that may be a bit that stands for nothing, which makes it another spelling of the same bytes.
func bitFlips(token string) []string {
	var copies []string
	for i := range len(token) {
		flipped := byte('-')
		if at := strings.IndexByte(alphabet, token[i]); at >= 0 {
			flipped = alphabet[at^1]
		}
		copies = append(copies, token[:i]+string(flipped)+token[i+1:])
	}
	return copies
}

// spellings returns strings that a lenient reader could take for the token.
func spellings(token string) []string {
	parts := strings.Split(token, ".")
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	respell := func(header string) string {
		return strings.Join(append([]string{base64.RawURLEncoding.EncodeToString([]byte(header))}, parts[1:]...), ".")
	}
	copies := []string{
		token + "=", token + "==", token + ".", token + "A", token + " ", " " + token, token + "\n", token + "\r\n", token + "\t",
		token + "\x00", "." + token, token + "," + token, token + token, `"` + token + `"`, "Bearer " + token, token + "%3D", token + "%00",
		strings.ToUpper(token), strings.ToLower(token), token[:len(token)/2] + "\n" + token[len(token)/2:], token[:len(token)-1], token[1:],
		token[:len(token)/2], token[:10], strings.Join(parts[:4], "."), strings.Join(parts[1:], "."), strings.Join(parts[:3], "."),
		parts[0] + "." + parts[1] + ".." + parts[3] + "." + parts[4], parts[0] + "..." + ".", "....", ".", "", parts[0],
		strings.Join([]string{parts[0], parts[1], parts[2], parts[4], parts[3]}, "."),
		strings.Join([]string{parts[0], "AAAA", parts[2], parts[3], parts[4]}, "."), // an encrypted key where dir has none
		respell(" " + string(header)), respell(string(header) + " "), respell(strings.Replace(string(header), "{", `{"zip":"DEF",`, 1)),
		respell(strings.Replace(string(header), "{", `{"crit":["exp"],"exp":1,`, 1)), respell(strings.Replace(string(header), "{", `{"alg":"none",`, 1)),
		respell(strings.Replace(string(header), "A256GCM", "A128GCM", 1)), respell(strings.Replace(string(header), `"dir"`, `"PBES2-HS256+A128KW"`, 1)),
		respell(`{"alg":"none"}`), respell(`{}`), respell(``), respell(`null`),
		fmt.Sprintf(`{"protected":%q,"iv":%q,"ciphertext":%q,"tag":%q}`, parts[0], parts[2], parts[3], parts[4]),
		strings.Repeat("A", 1000), strings.Repeat(".", 1000), strings.Repeat("é", 100),
		parts[0] + "." + parts[1] + "." + parts[2] + "." + parts[3] + "." + strings.Repeat("A", len(parts[4])),
	}
	if standard := strings.NewReplacer("-", "+", "_", "/").Replace(token); standard != token {
		copies = append(copies, standard)
	}
	for i, part := range parts {
		if pad := (4 - len(part)%4) % 4; pad > 0 { // each part with the padding that base64url leaves out
			padded := append([]string{}, parts...)
			padded[i] += strings.Repeat("=", pad)
			copies = append(copies, strings.Join(padded, "."))
		}
	}
	return slices.DeleteFunc(copies, func(c string) bool { return c == token })
}

func firstDifference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
