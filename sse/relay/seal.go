package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

const (
	saltSize = 16
	tagSize  = 16
	// maxSealed is the largest sealed letter that is looked at.
	maxSealed = saltSize + headSize + 3*(2+1<<16) + MaxBody + tagSize
)

var errForged = errors.New("not sealed with a key of this deployment")

// seal protects a letter for one channel:
//
//	salt 16 | AES-256-GCM with the key HKDF-Expand(ring key, label, salt)
//
// Each letter has a key of its own, so the nonce is zero, and the number of
// letters under one ring key is not bounded by what GCM bears under one key.
// The channel is authenticated with it: a letter cannot be redirected.
func seal(key []byte, channel string, l letter) ([]byte, error) {
	b := make([]byte, saltSize, saltSize+l.size()+tagSize)
	rand.Read(b) // it never fails
	b, err := appendLetter(b, l)
	if err != nil {
		return nil, err
	}
	aead, err := letterAEAD(key, b[:saltSize])
	if err != nil {
		return nil, err
	}
	//nolint:gosec // G407: the key is of this letter alone, so its nonce may be zero
	return aead.Seal(b[:saltSize], make([]byte, aead.NonceSize()), b[saltSize:], []byte(channel)), nil
}

// open undoes seal with any of the keys: while the ring rotates, replicas seal
// with different ones.
func open(keys [][]byte, channel, sealed string) (letter, error) {
	if len(sealed) < saltSize+headSize+tagSize || len(sealed) > maxSealed {
		return letter{}, errForged
	}
	b := []byte(sealed)
	for _, key := range keys {
		aead, err := letterAEAD(key, b[:saltSize])
		if err != nil {
			return letter{}, err
		}
		// nil, not in place: a failed attempt would destroy the letter for the next.
		if plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), b[saltSize:], []byte(channel)); err == nil {
			return parseLetter(plain)
		}
	}
	return letter{}, errForged
}

func letterAEAD(key, salt []byte) (cipher.AEAD, error) {
	own, err := hkdf.Expand(sha256.New, key, "mcp-oauth-server/relay/v1\n"+string(salt), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
