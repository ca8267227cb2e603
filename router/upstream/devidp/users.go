package devidp

import (
	"crypto/subtle"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The one client. Both values are public and fixed, so that a second replica can use the first one's provider; they
// protect nothing, and the provider listens on loopback only.
const (
	clientID     = "mcp-oauth-server-dev"
	clientSecret = "mcp-oauth-server-dev-secret" //nolint:gosec // G101: public on purpose
)

const tokenLifetime = 5 * time.Minute // of ID and access tokens

var supportedScopes = []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail}

// user is somebody who can log in. The password is the name.
type user struct{ Username, Name, Email string }

var users = []user{
	{Username: "alice", Name: "Alice Example", Email: "alice@example.com"},
	{Username: "bob", Name: "Bob Example", Email: "bob@example.com"},
}

// Users are the names of those who can log in.
func Users() []string {
	var names []string
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

func userNamed(username string) (user, bool) {
	for _, u := range users {
		if u.Username == username {
			return u, true
		}
	}
	return user{}, false
}

// authenticate answers the user whose password this is.
func authenticate(username, password string) (user, bool) {
	u, known := userNamed(username)
	right := subtle.ConstantTimeCompare([]byte(password), []byte(u.Username)) == 1
	return u, known && right
}

// client is our server, as the provider sees it.
type client struct{ redirectURIs []string }

var _ op.Client = client{}

func (client) GetID() string                       { return clientID }
func (c client) RedirectURIs() []string            { return c.redirectURIs }
func (client) PostLogoutRedirectURIs() []string    { return nil }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) GrantTypes() []oidc.GrantType        { return []oidc.GrantType{oidc.GrantTypeCode} }
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (client) IDTokenLifetime() time.Duration      { return tokenLifetime }
func (client) ClockSkew() time.Duration            { return 0 }
func (client) IsScopeAllowed(string) bool          { return false }

// LoginURL is relative, so that the browser stays on the host name it came by.
func (client) LoginURL(requestID string) string { return loginPath + "?id=" + requestID }

// DevMode allows callbacks over http.
func (client) DevMode() bool { return true }

// IDTokenUserinfoClaimsAssertion puts name and e-mail into the ID token, so that a login needs no call to userinfo.
func (client) IDTokenUserinfoClaimsAssertion() bool { return true }

func (client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return keepScopes }
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return keepScopes }

func keepScopes(scopes []string) []string { return scopes }
