package jose

import (
	"crypto"
	"crypto/ed25519"
)

// What the black-box tests need to play the other side: an outsider who holds
// the keys and uses another implementation.

// CacheSize is the bound of the cache of derived keys.
const CacheSize = cacheSize

// Cached says how many derived keys are kept.
func (r *Ring) Cached() int {
	r.derived.mu.RLock()
	defer r.derived.mu.RUnlock()
	return len(r.derived.keys)
}

// Holds says whether the keys of a kind and day are kept for the i-th secret.
func (r *Ring) Holds(i int, kind string, day int) bool {
	_, ok := r.derived.get(keyName{r.members[i], kind, day})
	return ok
}

// ID is the public name of the i-th secret.
func (r *Ring) ID(i int) string { return r.members[i].id }

// ContentKey is the A256GCM key of a kind and day under the i-th secret.
func (r *Ring) ContentKey(i int, kind string, day int) []byte {
	return r.keysOf(keyName{r.members[i], kind, day}).content
}

// SigningKey is what the i-th secret signs a profile with.
func (r *Ring) SigningKey(i int, p Profile, day int) any {
	m := r.members[i]
	return signingKey(p, m, r.keysOf(keyName{m, p.Kind, day}))
}

// PublicKey is what verifies the signatures of the i-th secret.
func (r *Ring) PublicKey(i int, alg Algorithm) crypto.PublicKey {
	if alg == ES256 {
		return &r.members[i].es256.PublicKey
	}
	return r.members[i].ed25519.Public()
}

// Outer and Inner are the header texts of a profile under the i-th secret.
func (r *Ring) Outer(i int, p Profile, day int) string { return p.outer(kid(r.members[i], day)) }

// Inner is the JWS header of a profile under the i-th secret.
func (r *Ring) Inner(i int, p Profile) string { return p.inner(r.members[i]) }

// Derive is the key derivation of the ring.
func Derive(secret []byte, use, issuer string, size int) []byte {
	return derive(secret, use, issuer, size)
}

// Today numbers the days since 1970.
var Today = today

// Sign and Verify are the two halves of the signed profiles, under a member
// with the given Ed25519 key and keys of the given HMAC key.
func Sign(p Profile, private ed25519.PrivateKey, mac, payload []byte) ([]byte, error) {
	return sign(p, &member{ed25519: private}, keys{mac: mac}, payload)
}
