package jose

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrMalformed: the token is not one of this kind; it tells nothing of a key.
	ErrMalformed = errors.New("malformed token")
	// ErrUnknownKey: the secret that minted the token is not in the ring, or
	// the day it names is out of bounds.
	ErrUnknownKey = errors.New("token of an unknown key")
	// ErrForged: the token did not decrypt or its signature is wrong.
	ErrForged = errors.New("token does not authenticate")
)

// Seal mints a token around payload with the first secret of the ring. It keeps
// nothing of payload.
func (r *Ring) Seal(p Profile, payload []byte, now time.Time) (string, error) {
	s := r.mintingSignet(p, today(now))
	d := desks.Get().(*desk)
	defer d.clear()
	if err := s.sign(d, payload); err != nil {
		return "", fmt.Errorf("sealing a %s: %w", p.Kind, err)
	}
	s.seal(d)
	return string(d.token), nil
}

// Open returns the payload of a token of this kind. It checks, in this order,
// and stops at the first that fails:
//
//   - the length and the places of the dots (ErrMalformed);
//   - the JWE header, byte for byte the one this server writes for the kid
//     (ErrMalformed);
//   - the kid: a secret of the ring and a day within bounds (ErrUnknownKey);
//   - canonical base64url in every part, so that one token has one spelling
//     (ErrMalformed);
//   - the AEAD tag (ErrForged);
//   - for signed kinds the JWS header, byte for byte, and canonical base64url
//     inside (ErrMalformed), then the signature (ErrForged).
//
// It says nothing about expiry or contents.
func (r *Ring) Open(p Profile, token string, now time.Time) ([]byte, error) {
	return r.AppendOpen(nil, p, token, now)
}

// AppendOpen is Open that appends the payload to dst, which may be nil. It
// returns nil beside an error; what lies behind len(dst) is then undefined.
func (r *Ring) AppendOpen(dst []byte, p Profile, token string, now time.Time) ([]byte, error) {
	e, ok := cut(p, token)
	if !ok {
		return nil, ErrMalformed
	}
	s, proven, err := r.openingSignet(p, e.header, today(now))
	if err != nil {
		return nil, err
	}
	d := desks.Get().(*desk)
	defer d.clear()
	if err := s.unseal(d, e); err != nil {
		return nil, err
	}
	payload, err := s.verify(dst, d)
	if err == nil && !proven {
		r.keep(p, s)
	}
	return payload, err
}
