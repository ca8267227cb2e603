package pages_test

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
	"golang.org/x/net/html"

	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
)

func newSet(t testing.TB, serverURL string) *pages.Set {
	t.Helper()
	site, err := oauth.NewSite(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := pages.NewTool("weather", "Weather report", "Says what to wear.", []byte(`{
		"type": "object", "required": ["city"], "additionalProperties": false,
		"properties": {"city": {"type": "string", "description": "where"}, "at": {"type": ["string", "null"]}, "any": {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return &pages.Set{
		Site: site, Provider: "login.example.com", Tools: []pages.Tool{tool},
		RequestID: func(*fasthttp.RequestCtx) string { return "req-4711" },
	}
}

// answer is a rendered page.
type answer struct {
	*fasthttp.Response
	root *html.Node
}

func render(t testing.TB, host string, show func(*fasthttp.RequestCtx)) answer {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetHost(host)
	show(&ctx)
	root, err := html.Parse(strings.NewReader(string(ctx.Response.Body())))
	if err != nil {
		t.Fatal(err)
	}
	return answer{&ctx.Response, root}
}

// all renders one page of each type.
func all(t testing.TB, s *pages.Set) map[string]answer {
	on := func(show func(*fasthttp.RequestCtx)) answer { return render(t, "localhost:8080", show) }
	consent := func(kind pages.DestinationKind, name string) answer {
		return on(func(ctx *fasthttp.RequestCtx) {
			s.Consent(ctx, pages.Consent{
				ClientName: "Some Editor", Destination: pages.Destination{Kind: kind, Name: name},
				Scope: oauth.ScopeTools + " future:scope", Resource: "http://localhost:8080/sse", Ticket: "the-ticket",
			})
		})
	}
	return map[string]answer{
		"landing":           on(s.Landing),
		"consent: website":  consent(pages.Website, "editor.example"),
		"consent: computer": consent(pages.ThisComputer, "localhost:8787"),
		"consent: app":      consent(pages.App, "editor://login"),
		"denied": on(func(ctx *fasthttp.RequestCtx) {
			s.Denied(ctx, pages.Denied{Account: "alice@example.com", Return: "editor://login?error=access_denied&state=a%20b"})
		}),
		"fault": on(func(ctx *fasthttp.RequestCtx) {
			s.Fault(ctx, pages.Fault{Status: 400, Title: "What happened", Detail: "Why", Advice: []string{"Do this"}, Resets: true})
		}),
	}
}

// text is what a person reads of a node.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func find(root *html.Node, element string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == element {
			found = append(found, n)
		}
	}
	return found
}

// TestHeaders: the style sheet inside the page, and nothing else, is allowed; a
// page with a form differs from the others in two ways that browsers force on us.
func TestHeaders(t *testing.T) {
	for name, p := range all(t, newSet(t, "http://localhost:8080")) {
		sheet := find(p.root, "style")[0].FirstChild.Data
		sum := sha256.Sum256([]byte(sheet))
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'"
		referrer := "same-origin"
		if !strings.HasPrefix(name, "consent") {
			want, referrer = want+"; form-action 'none'", "no-referrer"
		}
		for header, value := range map[string]string{
			"Content-Security-Policy": want, "Referrer-Policy": referrer, "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := string(p.Header.Peek(header)); got != value {
				t.Errorf("%s: %s is %q, want %q", name, header, got, value)
			}
		}
	}
}

// TestMarkup: what every page must have and must not have, to be accessible and
// to need nothing but itself.
func TestMarkup(t *testing.T) {
	for name, p := range all(t, newSet(t, "http://localhost:8080")) {
		for element, n := range map[string]int{"h1": 1, "main": 1, "title": 1, "style": 1, "script": 0, "link": 0, "img": 0, "iframe": 0, "base": 0} {
			if got := len(find(p.root, element)); got != n {
				t.Errorf("%s: %d × %s, want %d", name, got, element, n)
			}
		}
		if attr(find(p.root, "html")[0], "lang") != "en" {
			t.Errorf("%s: no lang", name)
		}
		level := 0
		ids := map[string]bool{}
		for n := range p.root.Descendants() {
			if id := attr(n, "id"); id != "" && ids[id] {
				t.Errorf("%s: id %s twice", name, id)
			} else {
				ids[id] = true
			}
			if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
				if l := int(n.Data[1] - '0'); l > level+1 {
					t.Errorf("%s: %s after h%d", name, n.Data, level)
				} else {
					level = l
				}
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "autofocus" {
					t.Errorf("%s: <%s %s>", name, n.Data, a.Key)
				}
			}
		}
		if strings.Contains(string(p.Body()), "ZgotmplZ") {
			t.Errorf("%s: the template has refused a value", name)
		}
	}
}

// TestContrast computes the contrast of every pair of colours that text uses, in
// light and in dark: at least 4.5 (WCAG 2.2 §1.4.3).
func TestContrast(t *testing.T) {
	sheet := find(render(t, "localhost:8080", newSet(t, "http://localhost:8080").Landing).root, "style")[0].FirstChild.Data
	schemes := regexp.MustCompile(`:root\{[^}]*\}`).FindAllString(sheet, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d colour schemes", len(schemes))
	}
	for _, scheme := range schemes {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+):#([0-9a-f]{3,6})`).FindAllStringSubmatch(scheme, -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range [][2]string{
			{"text", "page"},
			{"text", "card"},
			{"text", "tint"},
			{"text", "code"},
			{"muted", "page"},
			{"muted", "card"},
			{"muted", "tint"},
			{"accent", "page"},
			{"accent", "card"},
			{"on-accent", "accent"},
			{"on-accent", "accent-strong"},
			{"warn-text", "warn"},
		} {
			if ratio := contrast(t, colours[pair[0]], colours[pair[1]]); ratio < 4.5 {
				t.Errorf("%s on %s: %.2f", pair[0], pair[1], ratio)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	l := []float64{luminance(t, a), luminance(t, b)}
	slices.Sort(l)
	return (l[1] + 0.05) / (l[0] + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	rgb, err := strconv.ParseUint(hex, 16, 24)
	if err != nil || len(hex) != 6 {
		t.Fatalf("colour %q", hex)
	}
	channel := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(rgb>>16) + 0.7152*channel(rgb>>8) + 0.0722*channel(rgb)
}

func TestConsentForm(t *testing.T) {
	p := all(t, newSet(t, "http://localhost:8080"))["consent: computer"]
	form := find(p.root, "form")
	if len(form) != 1 || attr(form[0], "method") != "post" || attr(form[0], "action") != "/consent" {
		t.Fatalf("%d forms", len(form))
	}
	inputs := find(form[0], "input")
	if len(inputs) != 1 || attr(inputs[0], "type") != "hidden" || attr(inputs[0], "name") != "ticket" || attr(inputs[0], "value") != "the-ticket" {
		t.Errorf("the form carries more than the ticket: %d inputs", len(inputs))
	}
	var answers []string
	for _, b := range find(form[0], "button") {
		answers = append(answers, attr(b, "name")+"="+attr(b, "value"))
	}
	if !slices.Equal(answers, []string{"action=approve", "action=deny"}) {
		t.Errorf("buttons %v", answers)
	}
	for _, want := range []string{"an app on this computer", "localhost:8787", "Some Editor", "Name not verified", "weather", "future:scope", "login.example.com"} {
		if !strings.Contains(text(p.root), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestFaultPage(t *testing.T) {
	s := newSet(t, "http://localhost:8080")
	said := text(all(t, s)["fault"].root)
	for _, want := range []string{"What happened", "Why", "Do this", "req-4711", "claude mcp logout NAME", "codex mcp logout NAME", "Cursor: Clear All MCP Tokens"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	s.RequestID = nil
	p := render(t, "localhost:8080", func(ctx *fasthttp.RequestCtx) { s.Fault(ctx, pages.Fault{Status: 403, Title: "T"}) })
	if said := text(p.root); p.StatusCode() != 403 || strings.Contains(said, "quote request") || strings.Contains(said, "logout") || strings.Contains(said, "What to do") {
		t.Errorf("status %d, %s", p.StatusCode(), said)
	}
}

func TestDeniedPage(t *testing.T) {
	p := all(t, newSet(t, "http://localhost:8080"))["denied"]
	links := find(p.root, "a")
	if p.StatusCode() != 403 || len(links) != 1 || attr(links[0], "href") != "editor://login?error=access_denied&state=a%20b" {
		t.Errorf("status %d, %d links", p.StatusCode(), len(links))
	}
	for _, want := range []string{"alice@example.com", "login.example.com", "req-4711"} {
		if !strings.Contains(text(p.root), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestLanding: everything there is to know, with the address the user typed.
func TestLanding(t *testing.T) {
	for _, c := range []struct{ serverURL, host, base string }{
		{"http://localhost:8080", "localhost:8080", "http://localhost:8080"},
		{"http://localhost:8080", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"https://mcp.example.com", "anything.example", "https://mcp.example.com"},
	} {
		s := newSet(t, c.serverURL)
		s.DevUsers = []string{"alice", "bob"}
		p := render(t, c.host, s.Landing)
		said := text(p.root)
		for _, want := range []string{
			"Weather report", "weather", "Says what to wear.", "city string : where", "optional",
			c.base + "/sse", c.base + "/.well-known/oauth-authorization-server", c.base + "/.well-known/oauth-protected-resource/sse",
			c.base + "/register", c.base + "/authorize", c.base + "/callback", c.base + "/token", c.base + "/jwks.json", c.base + "/mcp",
			"PKCE", "RFC 7636", "RFC 7591", "RFC 8414", "RFC 9728", "RFC 8707", "RFC 9207", "login.example.com",
			`"type": "sse"`, "alice", "bob", "password is the name",
			"claude mcp add --transport http mcp-oauth-server " + c.base + "/sse", "codex mcp add mcp-oauth-server --url " + c.base + "/sse",
			"gemini mcp add --transport http mcp-oauth-server " + c.base + "/sse", "npx -y mcp-remote " + c.base + "/sse", "npx @modelcontextprotocol/inspector",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the page does not say %q", c.base, want)
			}
		}
		if c.base != "http://localhost:8080" && strings.Contains(string(p.Body()), "localhost:8080") {
			t.Errorf("%s: the page speaks of another address", c.base)
		}
		if n := len(find(find(p.root, "ol")[0], "li")); n != 7 {
			t.Errorf("the flow has %d steps", n)
		}
		if p.StatusCode() != 200 {
			t.Errorf("status %d", p.StatusCode())
		}
	}
}

// TestSnippets: what a user pastes or clicks is what the client reads.
func TestSnippets(t *testing.T) {
	const resource = "https://mcp.example.com/sse"
	p := render(t, "mcp.example.com", newSet(t, "https://mcp.example.com").Landing)

	var cursor struct {
		Servers map[string]map[string]string `json:"mcpServers"`
	}
	var vscode struct {
		Servers map[string]map[string]string `json:"servers"`
	}
	for _, pre := range find(p.root, "pre") {
		if raw := pre.FirstChild.FirstChild.Data; strings.Contains(raw, "mcpServers") {
			must(t, json.Unmarshal([]byte(raw), &cursor))
		} else if strings.HasPrefix(raw, "{") {
			must(t, json.Unmarshal([]byte(raw), &vscode))
		}
	}
	if s := cursor.Servers["mcp-oauth-server"]; len(s) != 2 || s["transport"] != "sse" || s["url"] != resource {
		t.Errorf("mcp.json of Cursor: %v", cursor)
	}
	if s := vscode.Servers["mcp-oauth-server"]; len(s) != 2 || s["type"] != "http" || s["url"] != resource {
		t.Errorf("mcp.json of VS Code: %v", vscode)
	}

	for _, a := range find(p.root, "a") {
		href := attr(a, "href")
		u, err := url.Parse(href)
		must(t, err)
		var got map[string]string
		switch u.Scheme {
		case "cursor":
			raw, err := base64.StdEncoding.DecodeString(u.Query().Get("config"))
			must(t, err)
			must(t, json.Unmarshal(raw, &got))
			if u.Host != "anysphere.cursor-deeplink" || u.Path != "/mcp/install" || u.Query().Get("name") != "mcp-oauth-server" || len(got) != 1 || got["url"] != resource {
				t.Errorf("%s: %v", href, got)
			}
		case "vscode":
			raw, err := url.PathUnescape(strings.TrimPrefix(href, "vscode:mcp/install?"))
			must(t, err)
			must(t, json.Unmarshal([]byte(raw), &got))
			if len(got) != 3 || got["name"] != "mcp-oauth-server" || got["type"] != "http" || got["url"] != resource {
				t.Errorf("%s: %v", href, got)
			}
		case "https":
			if u.Host != "modelcontextprotocol.io" {
				t.Errorf("link to %s", href)
			}
		default:
			t.Errorf("link to %s", href)
		}
	}
}

func TestLandingUnderAForeignName(t *testing.T) {
	p := render(t, "evil.example:8080", newSet(t, "http://localhost:8080").Landing)
	if p.StatusCode() != 421 || strings.Contains(string(p.Body()), "evil.example") {
		t.Errorf("status %d", p.StatusCode())
	}
}

func TestNewTool(t *testing.T) {
	tool := newSet(t, "http://localhost:8080").Tools[0]
	want := []pages.Argument{
		{Name: "city", Type: "string", Description: "where", Required: true},
		{Name: "at", Type: "string or null"},
		{Name: "any", Type: "any"},
	}
	if !slices.Equal(tool.Arguments, want) {
		t.Errorf("%+v", tool.Arguments)
	}
	if tool, err := pages.NewTool("n", "t", "d", []byte(`{"type":"object"}`)); err != nil || len(tool.Arguments) != 0 {
		t.Errorf("%+v, %v", tool, err)
	}
	for _, bad := range []string{``, `[]`, `{"properties":[]}`, `{"properties":{"a":1}}`, `{"properties":{"a":{}`} {
		if _, err := pages.NewTool("n", "t", "d", []byte(bad)); err == nil {
			t.Errorf("%q is no schema", bad)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
