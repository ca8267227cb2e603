package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/big"
	"sync"
)

// signature is one algorithm with its key. The input is that of RFC 7515 §5.1.
type signature interface {
	// appendTo appends the signature of input to dst, which is no part of input.
	appendTo(dst, input []byte) ([]byte, error)
	// verifies must refuse a signature of any other length too.
	verifies(input, signature []byte) bool
}

// signatureOf returns the signature of a profile under a member of the ring, nil
// for what is sealed only. mac is asked for the HMAC key when it is first used.
func signatureOf(alg Algorithm, m *member, mac func() []byte) signature {
	switch alg {
	case None:
		return nil
	case EdDSA:
		return edDSA{m.ed25519, m.ed25519.Public().(ed25519.PublicKey)}
	case ES256:
		return es256{m.es256}
	case HS256:
		return newHS256(mac)
	default:
		panic("jose: no algorithm " + string(alg)) // profiles are constants of this program
	}
}

// hs256 is HMAC-SHA256 (RFC 7518 §3.2). A state that has its key in it already
// is half the work of a MAC, so states are kept and reset.
type hs256 struct{ states sync.Pool }

// macState also has the room for a sum, which would otherwise be allocated for
// every verification.
type macState struct {
	hash.Hash
	sum []byte
}

func newHS256(key func() []byte) *hs256 {
	return &hs256{sync.Pool{New: func() any {
		return &macState{hmac.New(sha256.New, key()), make([]byte, 0, sha256.Size)}
	}}}
}

func (h *hs256) appendTo(dst, input []byte) ([]byte, error) {
	state := h.states.Get().(*macState)
	defer h.states.Put(state)
	state.Reset()
	state.Write(input)
	return state.Sum(dst), nil
}

func (h *hs256) verifies(input, signature []byte) bool {
	state := h.states.Get().(*macState)
	defer h.states.Put(state)
	state.Reset()
	state.Write(input)
	state.sum = state.Sum(state.sum[:0])
	return hmac.Equal(state.sum, signature)
}

// edDSA is Ed25519 (RFC 8037 §3.1).
type edDSA struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func (e edDSA) appendTo(dst, input []byte) ([]byte, error) {
	return append(dst, ed25519.Sign(e.private, input)...), nil
}

func (e edDSA) verifies(input, signature []byte) bool {
	return ed25519.Verify(e.public, input, signature)
}

// es256 is ECDSA on P-256 with SHA-256; the signature is r and s, 32 bytes each
// (RFC 7518 §3.4).
type es256 struct{ private *ecdsa.PrivateKey }

func (e es256) appendTo(dst, input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, e.private, digest[:])
	if err != nil {
		return nil, fmt.Errorf("ES256: %w", err)
	}
	var both [64]byte
	r.FillBytes(both[:32])
	s.FillBytes(both[32:])
	return append(dst, both[:]...), nil
}

func (e es256) verifies(input, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256(input)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(&e.private.PublicKey, digest[:], r, s)
}
