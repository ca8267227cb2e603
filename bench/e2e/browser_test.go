package e2e

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// browser is one browser profile in front of which a person sits. It takes one hop at a time: redirects are returned,
// not followed, so that a story can do something between any two of them.
type browser struct {
	user   string
	client *http.Client
	jar    http.CookieJar
}

func newBrowser(user string) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{user: user, jar: jar, client: &http.Client{
		Jar:           jar,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is one answer: a page with perhaps a form, or a redirect.
type page struct {
	url      *url.URL
	status   int
	header   http.Header
	cookies  []*http.Cookie
	body     string
	location *url.URL // of a redirect, absolute
	form     *form    // the first of the page
}

// form is an HTML form as it was sent to the browser.
type form struct {
	action *url.URL
	method string
	fields []field
}

type field struct{ tag, kind, name, value, text string }

// open fetches a URL.
func (b *browser) open(t *testing.T, target string) *page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.send(t, request)
}

// follow opens the target of a redirect.
func (b *browser) follow(t *testing.T, p *page) *page {
	t.Helper()
	if p.location == nil {
		t.Fatalf("%s answers %d and no redirect:\n%s", p.url.Path, p.status, p.text())
	}
	return b.open(t, p.location.String())
}

// submit fills in the form of a page as the user and presses the button with that value, or the first one when the
// value is "".
func (b *browser) submit(t *testing.T, p *page, button string) *page {
	t.Helper()
	if p.form == nil {
		t.Fatalf("%s answers %d without a form:\n%s", p.url.Path, p.status, p.text())
	}
	return b.post(t, p.form.action.String(), b.fill(t, p.form, button), p.url)
}

// post sends form values as a page at the given URL would.
func (b *browser) post(t *testing.T, target string, values url.Values, from *url.URL) *page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", from.Scheme+"://"+from.Host)
	if request.URL.Host == from.Host {
		request.Header.Set("Referer", from.String())
	}
	return b.send(t, request)
}

func (b *browser) send(t *testing.T, request *http.Request) *page {
	t.Helper()
	request.Header.Set("Accept", "text/html")
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatalf("%s %s://%s%s: %v", request.Method, request.URL.Scheme, request.URL.Host, request.URL.Path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{url: request.URL, status: response.StatusCode, header: response.Header, cookies: response.Cookies(), body: string(body)}
	for _, c := range p.cookies {
		secrets.add(c.Value)
	}
	if location := response.Header.Get("Location"); location != "" {
		if p.location, err = request.URL.Parse(location); err != nil {
			t.Fatal(err)
		}
	}
	p.form = firstForm(p)
	return p
}

// signIn plays the user at the identity provider, from the redirect to it until it sends the browser to a URL that
// starts with back, which is returned and not opened.
func (b *browser) signIn(t *testing.T, p *page, back string) *url.URL {
	t.Helper()
	for range 20 {
		switch {
		case p.location != nil && strings.HasPrefix(p.location.String(), back):
			return p.location
		case p.location != nil:
			p = b.follow(t, p)
		default:
			if p.status >= 400 {
				t.Fatalf("the identity provider answers %d:\n%s", p.status, p.text())
			}
			p = b.submit(t, p, "")
		}
	}
	t.Fatal("the identity provider does not come to an end")
	return nil
}

func (b *browser) fill(t *testing.T, f *form, button string) url.Values {
	t.Helper()
	values, pressed := url.Values{}, false
	for _, in := range f.fields {
		switch {
		case in.tag == "button" || in.kind == "submit":
			if !pressed && (button == "" || in.value == button) {
				pressed = true
				if in.name != "" {
					values.Add(in.name, in.value)
				}
			}
		case in.kind == "checkbox" || in.kind == "radio":
		case in.name == "username" || in.name == "login" || in.name == "password":
			values.Set(in.name, b.user)
		case in.name != "":
			values.Add(in.name, in.value)
		}
	}
	if !pressed {
		t.Fatalf("the form at %s has no button %q", f.action.Path, button)
	}
	return values
}

// firstForm reads the first form of a page, or returns nil.
func firstForm(p *page) *form {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return nil
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		action, err := p.url.Parse(attribute(n, "action"))
		if err != nil {
			return nil
		}
		f := &form{action: action, method: strings.ToUpper(attribute(n, "method"))}
		for in := range n.Descendants() {
			if in.Type == html.ElementNode && (in.Data == "input" || in.Data == "button") {
				f.fields = append(f.fields, field{in.Data, attribute(in, "type"), attribute(in, "name"), attribute(in, "value"), content(in)})
			}
		}
		return f
	}
	return nil
}

// text is what a person reads on the page, for the message of a test that fails.
func (p *page) text() string {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return p.body
	}
	return strings.Join(strings.Fields(content(root)), " ")
}

// snippets returns what the page shows as preformatted text.
func (p *page) snippets() (found []string) {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return nil
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "pre" {
			found = append(found, content(n))
		}
	}
	return found
}

// link returns the target of the first link that starts with a prefix, or nil.
func (p *page) link(prefix string) *url.URL {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return nil
	}
	for n := range root.Descendants() {
		if target := attribute(n, "href"); n.Data == "a" && strings.HasPrefix(target, prefix) {
			u, _ := p.url.Parse(target)
			return u
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func content(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			text.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(text.String())
}
