package devidp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	requestLifetime = 10 * time.Minute // from the authorization request to the end of the login
	codeLifetime    = time.Minute
	sessionLifetime = 8 * time.Hour
)

// storage is everything zitadel/oidc asks of us. It offers the code flow with PKCE and userinfo; what the library could
// do besides (refresh tokens, JWT grants) is refused here by name.
type storage struct {
	client   client
	key      signingKey
	requests *memory[request]
	codes    *memory[string]  // code → id of the request
	tokens   *memory[granted] // id of an access token → what it is good for
	sessions *memory[session] // cookie → who is logged in
}

// granted is an access token's worth.
type granted struct {
	subject, clientID string
	scopes            []string
	expires           time.Time
}

var (
	_ op.Storage                   = (*storage)(nil)
	_ op.CanSetUserinfoFromRequest = (*storage)(nil)
)

var (
	errUnknown    = errors.New("unknown or expired")
	errNotOffered = errors.New("the development identity provider does not offer this")
)

func newStorage(redirectURIs []string) (*storage, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &storage{
		client:   client{redirectURIs: slices.Clone(redirectURIs)},
		key:      signingKey{id: rand.Text(), private: private},
		requests: newMemory[request](requestLifetime),
		codes:    newMemory[string](codeLifetime),
		tokens:   newMemory[granted](tokenLifetime),
		sessions: newMemory[session](sessionLifetime),
	}, nil
}

// CreateAuthRequest keeps a valid authorization request until somebody has logged in.
func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	r := request{id: rand.Text(), asked: *asked}
	s.requests.put(r.id, r)
	return r, nil
}

// AuthRequestByID answers a login in progress.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	r, ok := s.requests.get(id)
	if !ok {
		return nil, errUnknown
	}
	return r, nil
}

// SaveAuthCode keeps the code made for a finished login.
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.codes.put(code, id)
	return nil
}

// AuthRequestByCode redeems a code. It is gone with the first attempt, whatever comes of it: of two requests at the same
// time only one finds it (RFC 6749 §4.1.2).
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	id, ok := s.codes.take(code)
	if !ok {
		return nil, errUnknown
	}
	r, ok := s.requests.take(id)
	if !ok || !r.Done() {
		return nil, errUnknown
	}
	return r, nil
}

// DeleteAuthRequest forgets a login; redeeming its code has done so already.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.requests.take(id)
	return nil
}

// CreateAccessToken grants an access token, good for userinfo.
func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	id, expires := rand.Text(), time.Now().Add(tokenLifetime)
	s.tokens.put(id, granted{subject: r.GetSubject(), clientID: clientID, scopes: r.GetScopes(), expires: expires})
	return id, expires, nil
}

// SetUserinfoFromRequest fills the ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return describe(info, r.GetSubject(), scopes)
}

// SetUserinfoFromScopes is superseded by SetUserinfoFromRequest.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromToken answers the userinfo endpoint.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, tokenID, subject, _ string) error {
	g, ok := s.tokens.get(tokenID)
	if !ok || g.subject != subject {
		return errUnknown
	}
	return describe(info, subject, g.scopes)
}

// describe says of a user what the scopes allow (OpenID Connect Core §5.4).
func describe(info *oidc.UserInfo, username string, scopes []string) error {
	u, ok := userNamed(username)
	if !ok {
		return errUnknown
	}
	info.Subject = u.Username
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name, info.PreferredUsername = u.Name, u.Username
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = u.Email, true
	}
	return nil
}

// SetIntrospectionFromToken answers the introspection endpoint (RFC 7662 §2.2) for our one client.
func (s *storage) SetIntrospectionFromToken(_ context.Context, answer *oidc.IntrospectionResponse, tokenID, subject, client string) error {
	g, ok := s.tokens.get(tokenID)
	if !ok || g.subject != subject || g.clientID != client {
		return errUnknown
	}
	answer.ClientID, answer.Scope, answer.Expiration = g.clientID, g.scopes, oidc.FromTime(g.expires)
	return nil
}

// RevokeToken revokes an access token (RFC 7009 §2.1); revoking an unknown one is a success.
func (s *storage) RevokeToken(_ context.Context, tokenID, _, _ string) *oidc.Error {
	s.tokens.take(tokenID)
	return nil
}

// TerminateSession logs a user out in every browser.
func (s *storage) TerminateSession(_ context.Context, username, _ string) error {
	s.sessions.drop(func(x session) bool { return x.username == username })
	return nil
}

// GetClientByClientID answers our one client.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != clientID {
		return nil, errUnknown
	}
	return s.client, nil
}

// AuthorizeClientIDSecret checks the client's secret, however it was sent.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != clientID || subtle.ConstantTimeCompare([]byte(secret), []byte(clientSecret)) != 1 {
		return errUnknown
	}
	return nil
}

// GetPrivateClaimsFromScopes adds nothing: access tokens are opaque.
func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

// CreateAccessAndRefreshTokens refuses: the client never gets a refresh token.
func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNotOffered
}

// TokenRequestByRefreshToken refuses: no refresh token was ever issued.
func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, op.ErrInvalidRefreshToken
}

// GetRefreshTokenInfo says of every token that it is not a refresh token.
func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

// GetKeyByIDAndClientID refuses: no client authenticates with a key.
func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotOffered
}

// ValidateJWTProfileScopes refuses: there is no JWT grant.
func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotOffered
}

// Health is always good: all of it is memory.
func (s *storage) Health(context.Context) error { return nil }
