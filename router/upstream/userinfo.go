package upstream

import (
	"context"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxEmail = 254 // bytes, RFC 5321 §4.5.3.1.3
	maxName  = 128 // characters
)

// profile is what a provider says about a user, in an ID token or at userinfo (OpenID Connect Core §5.1).
type profile struct {
	Email         string     `json:"email"`
	EmailVerified looseBool  `json:"email_verified"`
	Name          string     `json:"name"`
	Preferred     string     `json:"preferred_username"`
	Login         string     `json:"login"` // GitHub's name for it
	Subject       string     `json:"sub"`
	ID            numberOrID `json:"id"` // for providers that only speak OAuth 2.0
}

// looseBool is true for true and "true": several providers write the boolean as a string. Everything else is false.
type looseBool bool

// UnmarshalJSON never fails: what is not clearly true is false.
func (b *looseBool) UnmarshalJSON(raw []byte) error {
	*b = string(raw) == `true` || string(raw) == `"true"`
	return nil
}

// numberOrID is a string, or an integer in its decimal digits; a float64 would merge users whose ids differ beyond 2⁵³.
type numberOrID string

// UnmarshalJSON takes both forms and leaves anything else empty, which nobody accepts as a subject.
func (n *numberOrID) UnmarshalJSON(raw []byte) error {
	*n = ""
	switch jsontext.Value(raw).Kind() { //nolint:exhaustive // the other kinds are the comment's "anything else"
	case '"':
		return json.Unmarshal(raw, (*string)(n))
	case '0':
		if !strings.ContainsAny(string(raw), ".eE-") {
			*n = numberOrID(raw)
		}
	}
	return nil
}

// complete fills in the profile of an identity that the ID token has proven. Many providers put the e-mail address only
// at userinfo, and policies decide on it, so userinfo is asked whenever the ID token has none. Userinfo is signed by
// nobody: what it says counts only for the same sub (OpenID Connect Core §5.3.2), and when it fails the login goes on
// without a profile.
func (p *Provider) complete(ctx context.Context, m metadata, identity Identity, payload []byte, accessToken string) Identity {
	var own profile
	if json.Unmarshal(payload, &own) == nil {
		identity = own.fill(identity)
	}
	if identity.Email != "" || m.userURL == "" {
		return identity
	}
	var remote profile
	if err := p.getJSON(ctx, m.userURL, accessToken, &remote); err != nil {
		p.config.Log.Warn("the login goes on without a profile", "event", "upstream_userinfo_failed", "err", at("userinfo", err))
		return identity
	}
	if remote.Subject != identity.Subject {
		p.config.Log.Warn("the login goes on without a profile", "event", "upstream_userinfo_refused", "err", at("userinfo", refused("sub is not that of the ID token")))
		return identity
	}
	return remote.fill(identity)
}

// identify asks userinfo of a provider that only speaks OAuth 2.0 who the access token belongs to. The token URL
// namespaces the subject: "42" at one such provider is not "42" at another.
func (p *Provider) identify(ctx context.Context, m metadata, accessToken string) (Identity, error) {
	var remote profile
	if err := p.getJSON(ctx, m.userURL, accessToken, &remote); err != nil {
		return Identity{}, at("userinfo", err)
	}
	subject := remote.Subject
	if subject == "" {
		subject = string(remote.ID)
	}
	if !validSubject(subject) {
		return Identity{}, at("userinfo", refused("it has neither a usable sub nor a usable id"))
	}
	return remote.fill(Identity{Issuer: m.tokenURL, Subject: subject}), nil
}

// fill adds what the identity lacks. An address and whether it is verified always come from the same place.
func (f profile) fill(identity Identity) Identity {
	email := printable(f.Email)
	if identity.Email == "" && email == f.Email && len(email) <= maxEmail {
		identity.Email = email
		identity.EmailVerified = email != "" && bool(f.EmailVerified)
	}
	for _, name := range []string{f.Name, f.Preferred, f.Login} {
		if identity.Name == "" {
			identity.Name = shorten(strings.TrimSpace(printable(name)), maxName)
		}
	}
	return identity
}

// printable drops control and formatting characters: a name with a line break or a right-to-left override lies on a
// page and in a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

func shorten(s string, characters int) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), characters)])
}
