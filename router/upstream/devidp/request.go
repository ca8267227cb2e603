package devidp

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// request is a login in progress: what the client asked for and, once somebody has logged in, who and when. It is a
// value: logging in makes another one, so nobody reads it half written.
type request struct {
	id      string
	asked   oidc.AuthRequest
	session session // zero until the login is done
}

// session says who logged in, and when they typed their password.
type session struct {
	username string
	began    time.Time
}

var _ op.AuthRequest = request{}

func (r request) GetID() string                      { return r.id }
func (r request) GetACR() string                     { return "" }
func (r request) GetAMR() []string                   { return []string{"pwd"} }
func (r request) GetAudience() []string              { return []string{r.asked.ClientID} }
func (r request) GetAuthTime() time.Time             { return r.session.began }
func (r request) GetClientID() string                { return r.asked.ClientID }
func (r request) GetNonce() string                   { return r.asked.Nonce }
func (r request) GetRedirectURI() string             { return r.asked.RedirectURI }
func (r request) GetResponseType() oidc.ResponseType { return r.asked.ResponseType }
func (r request) GetResponseMode() oidc.ResponseMode { return r.asked.ResponseMode }
func (r request) GetScopes() []string                { return r.asked.Scopes }
func (r request) GetState() string                   { return r.asked.State }
func (r request) GetSubject() string                 { return r.session.username }
func (r request) Done() bool                         { return r.session != session{} }

// GetCodeChallenge is nil when the client uses no PKCE (RFC 7636 §4.3).
func (r request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.asked.CodeChallenge, Method: r.asked.CodeChallengeMethod}
}

// accepts says whether a session that exists is good enough for this request (OpenID Connect Core §3.1.2.1: prompt,
// max_age), so that no password is asked.
func (r request) accepts(s session, now time.Time) bool {
	if s == (session{}) || slices.Contains(r.asked.Prompt, oidc.PromptLogin) || slices.Contains(r.asked.Prompt, oidc.PromptSelectAccount) {
		return false
	}
	return r.asked.MaxAge == nil || now.Sub(s.began) <= time.Duration(*r.asked.MaxAge)*time.Second
}

// silent says whether no page may be shown (prompt=none).
func (r request) silent() bool { return slices.Contains(r.asked.Prompt, oidc.PromptNone) }
