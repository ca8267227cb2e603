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

// digestChars is the length of a Digest.
const digestChars = 22

// DigestOf returns the digest of s.
func DigestOf(s string) Digest {
	text := digest(s)
	return Digest(text[:])
}

// Matches compares in constant time: some digests are of secret cookies.
func (d Digest) Matches(s string) bool {
	other := digest(s)
	return subtle.ConstantTimeCompare([]byte(d), other[:]) == 1
}

func digest(s string) (text [digestChars]byte) {
	var room [768]byte // most client_ids fit, and then nothing is allocated
	sum := sha256.Sum256(append(room[:0], s...))
	base64.RawURLEncoding.Encode(text[:], sum[:16])
	return text
}

const (
	// idSize is the length of random ids in bytes: 96 bits collide after 2^48.
	idSize = 12
	// secretSize is the length of random secrets in bytes.
	secretSize = 32
)

// NewID returns a random id (16 characters).
func NewID() string { return randomText(idSize) }

// NewSecret returns a random secret for a cookie or a PKCE verifier: 256 bits,
// 43 characters of the alphabet of RFC 7636 §4.1.
func NewSecret() string { return randomText(secretSize) }

func randomText(size int) string {
	var text [64]byte
	return string(appendRandom(text[:0], size))
}

// appendRandom appends at most 32 random bytes, base64url.
func appendRandom(dst []byte, size int) []byte {
	var b [secretSize]byte
	rand.Read(b[:size]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.AppendEncode(dst, b[:size])
}
