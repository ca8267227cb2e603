package authorize_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/upstream/upstreamtest"
)

// payloads break out of text, of attributes, of comments, of style sheets and of
// templates, in the ways that have worked somewhere.
var payloads = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><script>alert(1)</script>`, `</title><script>alert(1)</script>`,
	`</style><script>alert(1)</script>`, `</textarea><script>alert(1)</script>`, `--><script>alert(1)</script>`, `<!--`, `]]>`, `<![CDATA[<b>]]>`,
	`<img src=x onerror=alert(1)>`, `"><img src=x onerror=alert(1)>`, `<svg/onload=alert(1)>`, `<svg><script>alert(1)</script></svg>`,
	`<math><mi xlink:href="javascript:alert(1)">`, `<iframe src=javascript:alert(1)>`, `<iframe srcdoc="<script>alert(1)</script>">`,
	`<object data=javascript:alert(1)>`, `<embed src=javascript:alert(1)>`, `<link rel=stylesheet href=//evil.example>`, `<base href=//evil.example/>`,
	`<meta http-equiv=refresh content="0;url=//evil.example">`, `<form action=//evil.example><input name=ticket>`, `"><button name=action value=approve autofocus>`,
	`" autofocus onfocus=alert(1) x="`, `' autofocus onfocus=alert(1) x='`, `" formaction=//evil.example x="`, "` onmouseover=alert(1) `",
	`javascript:alert(1)`, `JaVaScRiPt:alert(1)`, `data:text/html,<script>alert(1)</script>`, `&lt;script&gt;alert(1)&lt;/script&gt;`,
	`&#60;script&#62;alert(1)&#60;/script&#62;`, `\u003cscript\u003ealert(1)\u003c/script\u003e`, `%3Cscript%3Ealert(1)%3C/script%3E`,
	`{{.Ticket}}`, `{{template "page"}}`, `${alert(1)}`, `<a href="javascript:alert(1)">x</a>`, `<details open ontoggle=alert(1)>`, `<<script>script>alert(1)<</script>/script>`,
	`</q></bdi></h1><h1>Approved`, `<plaintext>`, `<xmp>`, `<template>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
}

// TestMarkupFromOutside: a page with a payload in it has the same elements and
// attributes as one with a harmless word.
func TestMarkupFromOutside(t *testing.T) {
	h := newHouse(t, public)
	// show renders one page with text from outside in it.
	for place, show := range map[string]func(text string) page{
		"client_name": func(text string) page {
			return h.browser().get("/authorize?" + h.request("client_id="+h.register(text, webURI)).Encode())
		},
		"client_name of another kind": func(text string) page {
			return h.browser().get("/authorize?" + h.request("redirect_uri="+appURI, "client_id="+h.register(text, appURI)).Encode())
		},
		"state":          func(text string) page { return h.browser().get("/authorize?" + h.request("state="+text).Encode()) },
		"unknown client": func(text string) page { return h.browser().get("/authorize?" + h.request("client_id="+text).Encode()) },
		"redirect_uri": func(text string) page {
			return h.browser().get("/authorize?" + h.request("redirect_uri="+text).Encode())
		},
		"query of a redirect": func(text string) page {
			uri := webURI + "?x=" + url.QueryEscape(text)
			return h.browser().get("/authorize?" + h.request("redirect_uri="+uri, "client_id="+h.register("Tester", uri)).Encode())
		},
		"name of a parameter": func(text string) page { return h.browser().get("/authorize?" + h.request(text+"=x").Encode()) },
		"ticket":              func(text string) page { return h.browser().answer("approve", text) },
		"action":              func(text string) page { return h.browser().answer(text, "x") },
		"state at callback":   func(text string) page { return h.browser().get("/callback?state=" + url.QueryEscape(text)) },
		"error at callback":   func(text string) page { return h.browser().get("/callback?error=" + url.QueryEscape(text)) },
	} {
		t.Run(place, func(t *testing.T) {
			// Some payloads make a redirect URI that no client may have; that page has its shape, too.
			want := []string{shape(show("harmless")), shape(h.browser().get("/authorize?client_id=x&redirect_uri=y"))}
			for _, payload := range payloads {
				if p := show(payload); p.StatusCode != 302 && !slices.Contains(want, shape(p)) {
					t.Errorf("%q changes the page:\n%s", payload, shape(p))
				}
			}
		})
	}
}

// TestMarkupFromTheProvider: the account on the page of an unwelcome user is the
// provider's text, and the link back has the client's state in it.
func TestMarkupFromTheProvider(t *testing.T) {
	h := newHouse(t, public)
	h.room.Policy = authorize.Policy{}
	show := func(text string) page {
		h.provider.Set(upstreamtest.Faults{Claims: func(c map[string]any) { c["email"], c["name"], c["sub"] = text+"@example.com", text, text }})
		return h.browser().login(h.request("state=" + text))
	}
	want := shape(show("harmless"))
	for _, payload := range payloads {
		if got := shape(show(payload)); got != want {
			t.Errorf("%q changes the page:\n%s\n%s", payload, got, want)
		}
	}
}

// TestMarkupInScopeAndResource: these never reach a page as they were sent.
func TestMarkupInScopeAndResource(t *testing.T) {
	h := newHouse(t, public)
	for _, payload := range payloads {
		for _, name := range []string{"scope", "resource", "response_type", "code_challenge"} {
			p := h.browser().get("/authorize?" + h.request(name+"="+payload).Encode())
			if strings.Contains(p.body, payload) || strings.ContainsAny(p.Header.Get("Location"), `<>"' `) {
				t.Errorf("%s=%q: %s", name, payload, p.Header.Get("Location"))
			}
		}
	}
}

// shape is a page without its words: every element with the names of its
// attributes, and every attribute that takes a browser somewhere in full.
func shape(p page) string {
	var b strings.Builder
	fmt.Fprint(&b, p.StatusCode)
	for n := range parse(p.body).Descendants() {
		switch n.Type {
		case html.ElementNode:
			b.WriteString(" <" + n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
				switch a.Key {
				case "href":
					target, _, _ := strings.Cut(a.Val, "?")
					b.WriteString("=" + target)
				case "action", "formaction", "name", "method", "type", "class", "rel":
					b.WriteString("=" + a.Val)
				}
			}
			b.WriteString(">")
		case html.CommentNode:
			b.WriteString(" <!-->")
		}
	}
	return b.String()
}
