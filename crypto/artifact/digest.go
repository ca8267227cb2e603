package artifact

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// Digest is a SHA-256 cut to 128 bits, base64url (22 characters). Artifacts
// carry the digest of a client_id, a redirect URI or a cookie instead of the
// thing itself: it is short, and it tells nothing to whoever would break the
// seal.
type Digest string

// DigestOf returns the digest of s.
func DigestOf(s string) Digest {
	sum := sha256.Sum256([]byte(s))
	return Digest(base64.RawURLEncoding.EncodeToString(sum[:16]))
}

// Matches compares in constant time: some digests are of secret cookies.
func (d Digest) Matches(s string) bool {
	other := DigestOf(s)
	return subtle.ConstantTimeCompare([]byte(d), []byte(other)) == 1
}

// idSize is the length of random ids in bytes: 96 bits collide after 2^48.
const idSize = 12

// NewID returns a random id (16 characters).
func NewID() string { return randomText(idSize) }

// NewSecret returns a random secret for a cookie or a PKCE verifier: 256 bits,
// 43 characters of the alphabet of RFC 7636 §4.1.
func NewSecret() string { return randomText(32) }

func randomText(size int) string {
	b := make([]byte, size)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}
