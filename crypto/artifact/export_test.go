package artifact

import (
	"time"

	"mcp-oauth-server/crypto/jose"
)

// Letter is what the tests need of an artifact to be generic over all of them.
type Letter[T any] interface{ letter[T] }

// Skew is how far another replica's clock may run ahead, in seconds.
const Skew = skew

// ProfileOf is how an artifact of type T looks on the wire.
func ProfileOf[T letter[T]](v *Vault) jose.Profile {
	var a T
	return a.profile(v)
}

// SealRaw seals a payload of the test's own making as a T.
func SealRaw[T letter[T]](v *Vault, payload string) (string, error) {
	return v.Ring.Seal(ProfileOf[T](v), []byte(payload), v.Now())
}

// OpenRaw returns the payload of a T without looking at it.
func OpenRaw[T letter[T]](v *Vault, token string) (string, error) {
	payload, err := v.Ring.Open(ProfileOf[T](v), token, v.Now())
	return string(payload), err
}

// Encode writes an artifact as it is written inside a token.
func Encode[T letter[T]](v *Vault, a T, now time.Time) (string, error) {
	var w wire
	err := encode(&w, a.stamped(v, now))
	return string(w.buf), err
}

// DecodeOwn reads only what Encode writes.
func DecodeOwn[T letter[T]](payload string) (T, bool) {
	return decodeOwn[T](&wire{buf: []byte(payload)})
}

// DecodeAny reads whatever the JSON library takes.
func DecodeAny[T letter[T]](payload string) (T, error) { return decodeAny[T]([]byte(payload)) }

// PlainLen counts the bytes at the front that need no escape.
var PlainLen = plainLen
