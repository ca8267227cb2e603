package jose

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jws"
)

var (
	// ErrMalformed: the token is not one of this kind; no key was touched.
	ErrMalformed = errors.New("malformed token")
	// ErrUnknownKey: the secret that minted the token is not in the ring, or
	// the day it names is out of bounds.
	ErrUnknownKey = errors.New("token of an unknown key")
	// ErrForged: the token did not decrypt or its signature is wrong.
	ErrForged = errors.New("token does not authenticate")
)

// Seal mints a token around payload with the first secret of the ring.
func (r *Ring) Seal(p Profile, payload []byte, now time.Time) (string, error) {
	m, day := r.members[0], today(now)
	name := keyName{m, p.Kind, day}
	k := r.keysOf(name)
	if p.Sign != None {
		signed, err := sign(p, m, k, payload)
		if err != nil {
			return "", fmt.Errorf("signing a %s: %w", p.Kind, err)
		}
		payload = signed
	}
	sealed, err := encrypt(p, kid(m, day), k.content, payload)
	if err != nil {
		return "", fmt.Errorf("sealing a %s: %w", p.Kind, err)
	}
	r.derived.put(name, k)
	return string(sealed), nil
}

// Open returns the payload of a token of this kind. It checks, in this order,
// and stops at the first that fails:
//
//   - the length, the five parts and their canonical base64url, so that one
//     token has one spelling (ErrMalformed);
//   - the JWE header, byte for byte the one this server writes for the kid
//     (ErrMalformed);
//   - the kid: a secret of the ring and a day within bounds (ErrUnknownKey);
//   - the AEAD tag (ErrForged);
//   - for signed kinds the JWS header, byte for byte (ErrMalformed), and the
//     signature (ErrForged).
//
// It says nothing about expiry or contents.
func (r *Ring) Open(p Profile, token string, now time.Time) ([]byte, error) {
	kid, err := precheck(p, token)
	if err != nil {
		return nil, err
	}
	id, day, ok := parseKid(kid)
	m, known := r.member(id)
	if !ok || !known || !p.mayOpen(day, today(now)) {
		return nil, ErrUnknownKey
	}
	name := keyName{m, p.Kind, day}
	k := r.keysOf(name)
	payload, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, k.content))
	if err != nil {
		return nil, ErrForged // the library's words are for its own users
	}
	if p.Sign != None {
		if payload, err = verify(p, m, k, payload); err != nil {
			return nil, err
		}
	}
	r.derived.put(name, k)
	return payload, nil
}

func encrypt(p Profile, kid string, key, payload []byte) ([]byte, error) {
	h := jwe.NewHeaders()
	if p.Sign == None {
		set(h, jwe.TypeKey, p.Type)
	} else {
		set(h, jwe.ContentTypeKey, "JWT")
	}
	set(h, jwe.KeyIDKey, kid)
	return jwe.Encrypt(payload,
		jwe.WithKey(jwa.DIRECT, key),
		jwe.WithContentEncryption(jwa.A256GCM),
		jwe.WithProtectedHeaders(h))
}

func sign(p Profile, m *member, k keys, payload []byte) ([]byte, error) {
	h := jws.NewHeaders()
	set(h, jws.TypeKey, p.Type)
	if p.Sign != HS256 {
		set(h, jws.KeyIDKey, m.id)
	}
	return jws.Sign(payload, jws.WithKey(jwa.SignatureAlgorithm(p.Sign), signingKey(p, m, k), jws.WithProtectedHeaders(h)))
}

func verify(p Profile, m *member, k keys, token []byte) ([]byte, error) {
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 || !canonical(parts...) || decode(parts[0]) != p.inner(m) {
		return nil, ErrMalformed
	}
	payload, err := jws.Verify(token, jws.WithKey(jwa.SignatureAlgorithm(p.Sign), verificationKey(p, m, k)))
	if err != nil {
		return nil, ErrForged
	}
	return payload, nil
}

func signingKey(p Profile, m *member, k keys) any {
	switch p.Sign {
	case EdDSA:
		return m.ed25519
	case ES256:
		return m.es256
	default:
		return k.mac
	}
}

func verificationKey(p Profile, m *member, k keys) any {
	switch p.Sign {
	case EdDSA:
		return m.ed25519.Public()
	case ES256:
		return &m.es256.PublicKey
	default:
		return k.mac
	}
}

// set fills one header. It cannot fail for the string headers used here; it
// panics because a failure would be a change of the library that no token must
// survive.
func set(h interface{ Set(string, any) error }, name, value string) {
	if err := h.Set(name, value); err != nil {
		panic("jose: header " + name + ": " + err.Error())
	}
}
