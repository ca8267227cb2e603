package upstreamtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for endpoint, handle := range map[Endpoint]http.HandlerFunc{
		Discovery: s.discovery, Authorize: s.authorize, Token: s.token, Userinfo: s.userinfo, Keys: s.keySet,
		Redirected: func(http.ResponseWriter, *http.Request) {},
	} {
		mux.HandleFunc(string(endpoint), func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.hits[endpoint]++
			answer := s.faults.Answers[endpoint]
			s.mu.Unlock()
			if !s.misbehave(w, r, answer) {
				handle(w, r)
			}
		})
	}
	return mux
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer":                                s.Issuer,
		"authorization_endpoint":                s.Issuer + string(Authorize),
		"token_endpoint":                        s.Issuer + string(Token),
		"userinfo_endpoint":                     s.Issuer + string(Userinfo),
		"jwks_uri":                              s.Issuer + string(Keys),
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"code_challenge_methods_supported":      []string{"S256"},
	}
	if change := s.current().Metadata; change != nil {
		change(document)
	}
	reply(w, http.StatusOK, document)
}

// authorize approves at once: the fixed user is always logged in and always agrees, unless [Faults.Deny].
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	target, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || !target.IsAbs() || q.Get("client_id") != s.ClientID {
		http.Error(w, "unknown client_id, or redirect_uri is not a URL", http.StatusBadRequest)
		return
	}
	answer := target.Query()
	answer.Set("state", q.Get("state"))
	answer.Set("iss", s.Issuer)
	switch {
	case q.Get("response_type") != "code", q.Get("code_challenge_method") != "S256", q.Get("code_challenge") == "":
		answer.Set("error", "invalid_request")
	case s.current().Deny:
		answer.Set("error", "access_denied")
	default:
		code := rand.Text()
		s.mu.Lock()
		s.logins[code] = login{q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce")}
		s.mu.Unlock()
		answer.Set("code", code)
	}
	target.RawQuery = answer.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// token redeems a code once, for the client that authenticates, with the verifier of the login.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	form := r.PostForm
	if !s.authenticated(r) {
		reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	s.mu.Lock()
	login, known := s.logins[form.Get("code")]
	delete(s.logins, form.Get("code"))
	s.mu.Unlock()
	challenge := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !known || form.Get("grant_type") != "authorization_code" || form.Get("redirect_uri") != login.redirectURI ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != login.challenge {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": Marker})
		return
	}
	accessToken := rand.Text()
	s.mu.Lock()
	s.granted[accessToken] = true
	s.mu.Unlock()
	answer := map[string]any{"access_token": accessToken, "token_type": "Bearer", "expires_in": 300}
	if !s.current().NoIDToken {
		answer["id_token"] = s.idToken(login.nonce, accessToken)
	}
	reply(w, http.StatusOK, answer)
}

// authenticated takes client_secret_basic with form-encoded halves (RFC 6749 §2.3.1) and client_secret_post.
func (s *Server) authenticated(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	want := s.current().AuthMethod
	allowed := want == "" || want == "basic" && basic || want == "post" && !basic
	return allowed && id == s.ClientID && secret == s.ClientSecret
}

func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	const scheme = "Bearer "
	bearer := r.Header.Get("Authorization")
	s.mu.Lock()
	granted := len(bearer) > len(scheme) && s.granted[bearer[len(scheme):]]
	s.mu.Unlock()
	if !granted {
		reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := user()
	if change := s.current().UserinfoClaims; change != nil {
		change(claims)
	}
	reply(w, http.StatusOK, claims)
}

// user is the one person this provider knows.
func user() map[string]any {
	return map[string]any{"sub": "user-1", "email": "user@example.com", "email_verified": true, "name": "A User"}
}

func reply(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(document)
}
