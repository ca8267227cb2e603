package jose

import (
	"crypto"
	"crypto/ed25519"
)

// What the black-box tests need to play the other side: an outsider who holds
// the keys and uses another implementation.

// CacheSize is the bound of the cache of derived keys.
const CacheSize = cacheSize

// Cached says how many signets are kept for opening.
func (r *Ring) Cached() int {
	if signets := r.opening.signets.Load(); signets != nil {
		return len(*signets)
	}
	return 0
}

// Suspected says how many signets are kept that no token has opened with.
func (r *Ring) Suspected() int {
	r.suspects.mu.Lock()
	defer r.suspects.mu.Unlock()
	return len(r.suspects.signets)
}

// Holds says whether a signet of a kind and day is kept for the i-th secret,
// for opening or for minting.
func (r *Ring) Holds(i int, kind string, day int) bool {
	return holds(&r.opening, func(l letterhead) string { return l.kind }, r.members[i], kind, day) ||
		holds(&r.minting, func(i issue) string { return i.kind }, r.members[i], kind, day)
}

func holds[K comparable](c *cache[K], kindOf func(K) string, m *member, kind string, day int) bool {
	if signets := c.signets.Load(); signets != nil {
		for k, s := range *signets {
			if kindOf(k) == kind && s.member == m && s.day == day {
				return true
			}
		}
	}
	return false
}

// ID is the public name of the i-th secret.
func (r *Ring) ID(i int) string { return r.members[i].id }

// ContentKey is the A256GCM key of a kind and day under the i-th secret.
func (r *Ring) ContentKey(i int, kind string, day int) []byte {
	return r.contentKey(r.members[i], kind, day)
}

// SigningKey is what the i-th secret signs a profile with.
func (r *Ring) SigningKey(i int, p Profile, day int) any {
	switch m := r.members[i]; p.Sign {
	case EdDSA:
		return m.ed25519
	case ES256:
		return m.es256
	default:
		return r.macKey(m, p.Kind, day)
	}
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
	return derive(extract(secret), use, issuer, size)
}

// Today numbers the days since 1970.
var Today = today

// Sign is the inner half of the signed profiles, under a member with the given
// Ed25519 key or with the given HMAC key.
func Sign(p Profile, private ed25519.PrivateKey, mac, payload []byte) ([]byte, error) {
	m := &member{ed25519: private}
	s := &signet{
		inner:     append(appendEncoded(nil, []byte(p.inner(m))), '.'),
		signature: signatureOf(p.Sign, m, func() []byte { return mac }),
	}
	var d desk
	err := s.sign(&d, payload)
	return d.text, err
}

// AppendEncoded and AppendDecoded are the base64url of this package.
var (
	AppendEncoded = appendEncoded
	AppendDecoded = appendDecoded
)
