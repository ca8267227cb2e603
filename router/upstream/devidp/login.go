package devidp

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	loginPath = "/login"
	stylePath = "/login/style.css"
	// cookieName begins with devidp_ because cookies do not know ports: our server on the same host sees it too.
	cookieName = "devidp_session"
)

//go:embed templates
var files embed.FS

var (
	templates = template.Must(template.ParseFS(files, "templates/*.html"))
	style, _  = files.ReadFile("templates/style.css")
)

// loginPage is where the browser proves to be alice or bob. It is the only thing here that is not the protocol.
type loginPage struct {
	storage  *storage
	provider *op.Provider
	issuer   string
	log      *slog.Logger
}

// loginView is what the template shows.
type loginView struct {
	RequestID, Username string
	Wrong               bool
	Users               []user
}

func (p *loginPage) register(mux *http.ServeMux) {
	// The POST must come from our own page: a foreign one could otherwise log a browser in as somebody else.
	ownPage := http.NewCrossOriginProtection()
	mux.HandleFunc("GET "+loginPath, p.show)
	mux.Handle("POST "+loginPath, ownPage.Handler(http.HandlerFunc(p.submit)))
	mux.HandleFunc("GET "+stylePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Write(style) //nolint:errcheck // the browser has gone
	})
}

// show answers the form, or passes straight on for a browser that is logged in already.
func (p *loginPage) show(w http.ResponseWriter, r *http.Request) {
	request, ok := p.storage.requests.get(r.URL.Query().Get("id"))
	if !ok {
		p.render(w, http.StatusBadRequest, "expired.html", nil)
		return
	}
	current := p.session(r)
	switch {
	case request.accepts(current, time.Now()):
		p.finish(w, r, request, current)
	case request.silent():
		op.AuthRequestError(w, r, request, oidc.ErrLoginRequired(), p.provider)
	default:
		p.render(w, http.StatusOK, "login.html", loginView{RequestID: request.id, Username: request.asked.LoginHint, Users: users})
	}
}

// submit checks the password, begins a session and passes on.
func (p *loginPage) submit(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		p.render(w, http.StatusBadRequest, "expired.html", nil)
		return
	}
	request, ok := p.storage.requests.get(r.PostForm.Get("id"))
	if !ok {
		p.render(w, http.StatusBadRequest, "expired.html", nil)
		return
	}
	username := r.PostForm.Get("username")
	u, ok := authenticate(username, r.PostForm.Get("password"))
	if !ok {
		p.render(w, http.StatusUnauthorized, "login.html", loginView{RequestID: request.id, Username: username, Wrong: true, Users: users})
		return
	}
	begun := session{username: u.Username, began: time.Now()}
	p.remember(w, begun)
	p.log.Info("development login", "event", "devidp_login", "username", u.Username)
	p.finish(w, r, request, begun)
}

// finish hands the browser back to the protocol, which makes the code and sends it to the client.
func (p *loginPage) finish(w http.ResponseWriter, r *http.Request, done request, by session) {
	ok := p.storage.requests.change(done.id, func(x request) request { x.session = by; return x })
	if !ok {
		p.render(w, http.StatusBadRequest, "expired.html", nil)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	next := op.AuthCallbackURL(p.provider)(op.ContextWithIssuer(r.Context(), "http://"+r.Host), done.id)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// session answers who is logged in with this browser; the zero value for nobody.
func (p *loginPage) session(r *http.Request) session {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return session{}
	}
	s, _ := p.storage.sessions.get(cookie.Value)
	return s
}

func (p *loginPage) remember(w http.ResponseWriter, s session) {
	id := rand.Text()
	p.storage.sessions.put(id, s)
	//nolint:gosec // G124: the development provider is http on loopback, where no browser takes a Secure cookie
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(sessionLifetime.Seconds())})
}

// render answers a page. There is no form-action in its policy: Chromium applies that to every redirect after the POST,
// and those lead to the client's callback on another port. The referrer stays on our own origin, and is sent there, for
// without it the form's POST would carry "Origin: null".
func (p *loginPage) render(w http.ResponseWriter, status int, name string, view any) {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, view); err != nil {
		p.log.Error("the login page cannot be rendered", "event", "devidp_render_failed", "err", err)
		http.Error(w, "the login page cannot be shown", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(page.Bytes()) //nolint:errcheck // the browser has gone
}
