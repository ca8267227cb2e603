package jose

import (
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// JWKS returns the public keys that verify signatures made with alg, newest
// ring order first (RFC 7517 §5). HS256 has no public keys: the set is empty.
func (r *Ring) JWKS(alg Algorithm) ([]byte, error) {
	set := jwk.NewSet()
	for _, m := range r.members {
		if alg != EdDSA && alg != ES256 {
			break
		}
		key, err := publicKey(m, alg)
		if err != nil {
			return nil, fmt.Errorf("publishing key %s: %w", m.id, err)
		}
		if err := set.AddKey(key); err != nil {
			return nil, fmt.Errorf("publishing key %s: %w", m.id, err)
		}
	}
	return json.Marshal(set)
}

func publicKey(m *member, alg Algorithm) (jwk.Key, error) {
	var public any = m.ed25519.Public()
	if alg == ES256 {
		public = &m.es256.PublicKey
	}
	key, err := jwk.FromRaw(public)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]any{
		jwk.KeyIDKey:     m.id,
		jwk.AlgorithmKey: jwa.SignatureAlgorithm(alg),
		jwk.KeyUsageKey:  jwk.ForSignature,
	} {
		if err := key.Set(name, value); err != nil {
			return nil, err
		}
	}
	return key, nil
}
