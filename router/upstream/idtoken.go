package upstream

import (
	"context"
	"crypto/subtle"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json"
)

const (
	clockSkew  = 60 * time.Second // how far the provider's clock may run ahead of ours
	maxSubject = 255              // bytes, OpenID Connect Core §2
)

// idToken is the part of an ID token that proves the login (OpenID Connect Core §2). The profile is read separately,
// because a claim of an unexpected type there must not cost the login.
type idToken struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        audience `json:"aud"`
	AuthorizedParty *string  `json:"azp"`
	Expiry          float64  `json:"exp"` // seconds since 1970, as are the next two
	IssuedAt        float64  `json:"iat"`
	NotBefore       float64  `json:"nbf"`
	Nonce           string   `json:"nonce"`
}

// audience is one string or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON takes both forms.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// verifyIDToken is the one place that decides whether an ID token proves the login of flow. In order:
//
//  1. the signature is by a key of the provider, the algorithm asymmetric ([Provider.verifySignature]);
//  2. the claims are those of this provider, for us, now, for this login ([Provider.checkClaims]);
//  3. go-oidc, which runs 1 through us and looks at the claims on its own, agrees;
//  4. at_hash, when present, is that of the access token beside it: an access token of somebody else was not slipped in.
//
// It answers the payload, for the profile.
func (p *Provider) verifyIDToken(ctx context.Context, raw, accessToken, nonce string) (idToken, []byte, error) {
	signature := &signatureCheck{provider: p}
	verifier := oidc.NewVerifier(p.config.Issuer, signature, &oidc.Config{
		ClientID:             p.config.ClientID,
		SupportedSigningAlgs: algorithmNames(),
		Now:                  p.config.Now,
	})
	second, secondErr := verifier.Verify(ctx, raw)
	if signature.err != nil {
		return idToken{}, nil, signature.err
	}
	if signature.payload == nil {
		return idToken{}, nil, refused("it is malformed, or its algorithm is not one of RS, PS, ES or EdDSA")
	}
	claims, err := p.checkClaims(signature.payload, nonce)
	if err != nil {
		return idToken{}, nil, err
	}
	if secondErr != nil {
		return idToken{}, nil, refused("its claims are malformed")
	}
	if second.AccessTokenHash != "" && second.VerifyAccessToken(accessToken) != nil {
		return idToken{}, nil, refused("its at_hash is not that of the access token")
	}
	return claims, signature.payload, nil
}

// checkClaims lists every check on the claims, cheapest first among equals. Each refusal names the claim and never its
// value.
func (p *Provider) checkClaims(payload []byte, nonce string) (idToken, error) {
	var t idToken
	if json.Unmarshal(payload, &t) != nil {
		return t, refused("its claims are malformed")
	}
	now := float64(p.config.Now().UnixMilli()) / 1000
	switch {
	case t.Issuer != p.config.Issuer:
		return t, refused("iss is not OIDC_ISSUER")
	case !slices.Contains(t.Audience, p.config.ClientID):
		return t, refused("aud does not name our OIDC_CLIENT_ID")
	case len(t.Audience) > 1 && t.AuthorizedParty == nil:
		return t, refused("aud names several clients and azp is missing")
	case t.AuthorizedParty != nil && *t.AuthorizedParty != p.config.ClientID:
		// A token that another client obtained and that merely lists us as an audience logs nobody in here.
		return t, refused("azp is not our OIDC_CLIENT_ID")
	case t.Expiry <= now:
		return t, refused("it is expired (exp)")
	case t.IssuedAt <= 0:
		return t, refused("iat is missing")
	case t.IssuedAt > now+clockSkew.Seconds():
		return t, refused("it is issued in the future (iat); compare the clocks")
	case t.NotBefore > now+clockSkew.Seconds():
		return t, refused("it is not valid yet (nbf); compare the clocks")
	case nonce == "" || subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(nonce)) != 1:
		// The token of another login: a code injected from another browser ends here (RFC 9700 §4.5.3.2).
		return t, refused("nonce is not the one of this login")
	case !validSubject(t.Subject):
		return t, refused("sub is missing, longer than %d bytes or not printable", maxSubject)
	}
	return t, nil
}

// validSubject admits what a subject may be and a log line and a comma-separated allow-list can hold.
func validSubject(subject string) bool {
	return subject != "" && len(subject) <= maxSubject && printable(subject) == subject
}

// signatureCheck is the key set go-oidc asks. It keeps our own error and the proven payload, which go-oidc would turn
// into text and drop.
type signatureCheck struct {
	provider *Provider
	payload  []byte
	err      error
}

// VerifySignature implements [oidc.KeySet].
func (s *signatureCheck) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	s.payload, s.err = s.provider.verifySignature(ctx, raw)
	return s.payload, s.err
}

func algorithmNames() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}
