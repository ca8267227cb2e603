package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	stdjson "encoding/json"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxKeys    = 200  // in a key set; the largest we know of has some twenty
	minRSABits = 2048 // NIST SP 800-131A
	maxRSABits = 8192 // beyond it one signature check costs more than a login should
)

// algorithms are the signatures an ID token may have. All are asymmetric: "none" proves nothing, and with HS256 whoever
// learns our client secret, or the provider's public key in a careless verifier, could mint identities.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// fetchKeys reads the provider's key set (RFC 7517 §5). Keys that we cannot or will not use are left out one by one, for
// a provider may publish keys for others too; a set without any usable key is an error, so the last good one stays.
func (p *Provider) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := p.getJSON(ctx, m.jwksURL, "", &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, refused("the key set has more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if stdjson.Unmarshal(raw, &key) == nil && usable(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, refused("the key set has no public signing key that may be used")
	}
	return keys, nil
}

// usable admits public keys for signatures. A symmetric (oct) key in a public document is a published secret, a private
// key is one that leaked, and RSA below 2048 bits can be factored.
func usable(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return bits >= minRSABits && bits <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// verifySignature proves that the provider signed the token and answers its payload. When no known key fits, the key set
// is fetched once more (the provider may have rotated), which [document] limits.
func (p *Provider) verifySignature(ctx context.Context, raw string) ([]byte, error) {
	token, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, refused("it is malformed, or its algorithm is not one of RS, PS, ES or EdDSA")
	}
	keys, err := p.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	if payload, ok := verifyWith(keys, token); ok {
		return payload, nil
	}
	if keys, err = p.keys.renew(ctx); err != nil {
		return nil, err
	}
	if payload, ok := verifyWith(keys, token); ok {
		return payload, nil
	}
	return nil, refused("no key of the provider verifies its signature")
}

func verifyWith(keys []jose.JSONWebKey, token *jose.JSONWebSignature) ([]byte, bool) {
	header := token.Signatures[0].Header
	for i := range keys {
		key := &keys[i]
		if header.KeyID != "" && header.KeyID != key.KeyID {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue // RFC 7517 §4.4: the key says what it is for.
		}
		if payload, err := token.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
