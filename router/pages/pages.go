package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// Set is what all pages of one server share. Main fills it in once; it is not
// changed afterwards and may be used from many goroutines.
type Set struct {
	// Site gives the addresses on the landing page. REQUIRED.
	Site oauth.Site
	// Provider is the identity provider as people know it: the host of its
	// issuer, like accounts.google.com. REQUIRED.
	Provider string
	// Tools are those that are really registered.
	Tools []Tool
	// DevUsers are the users of the development identity provider (the password
	// is the name); empty without it.
	DevUsers []string
	// RequestID returns the id under which the request is logged, to be quoted
	// on fault pages. Nil means pages have none.
	RequestID func(*fasthttp.RequestCtx) string
}

//go:embed templates
var files embed.FS

// style is the whole style sheet; it stands inside every page.
var style = template.CSS(mustRead("templates/style.css")) //nolint:gosec // G203: part of the program

var (
	consentTemplate = mustParse("consent.html")
	faultTemplate   = mustParse("fault.html")
	deniedTemplate  = mustParse("denied.html")
	landingTemplate = mustParse("landing.html")
)

func mustRead(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic("pages: " + err.Error()) // the file is part of the program
	}
	return string(text)
}

func mustParse(name string) *template.Template {
	return template.Must(template.New("layout.html").ParseFS(files, "templates/layout.html", "templates/"+name))
}

// policy is the Content-Security-Policy of every page: nothing but our style
// sheet, and no frame around the page, or a click could be stolen.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; frame-ancestors 'none'"
}()

// kind is how a page may be used, as its headers say it.
type kind struct{ csp, referrer string }

var (
	// formPage has a form that is posted to this server. Its policy must not
	// have form-action: Chromium applies it to every redirect that follows the
	// POST, to the provider and to the client. And under no-referrer the POST
	// would carry "Origin: null", so that its origin could not be checked.
	formPage = kind{csp: policy, referrer: "same-origin"}
	// textPage has no form. Its address may hold a code or a state, which no
	// link on the page may give away.
	textPage = kind{csp: policy + "; form-action 'none'", referrer: "no-referrer"}
)

// view is what the layout needs to know besides the page itself.
type view struct {
	Title string
	Style template.CSS
	Wide  bool
	Page  any
}

// write renders a page and answers with it.
func write(ctx *fasthttp.RequestCtx, status int, k kind, t *template.Template, v view) {
	v.Style = style
	var page bytes.Buffer
	if err := t.Execute(&page, v); err != nil {
		panic("pages: " + err.Error()) // a template that does not fit its data; tests render them all
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, k.csp)
	h.Set(fasthttp.HeaderReferrerPolicy, k.referrer)
	h.Set(fasthttp.HeaderXFrameOptions, "DENY")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.SetBody(page.Bytes())
}

// requestID returns the id of the request, "" when there is none.
func (s *Set) requestID(ctx *fasthttp.RequestCtx) string {
	if s.RequestID == nil {
		return ""
	}
	return s.RequestID(ctx)
}
