package jose

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"
)

// signet is what one kind of artifact is sealed and opened with on one day under
// one secret, ready for use: keys expanded, headers encoded.
type signet struct {
	member    *member
	day       int
	outer     []byte // JWE header, encoded; the additional data of the seal (RFC 7516 §5.1)
	inner     []byte // JWS header, encoded, with the dot behind it
	aead      cipher.AEAD
	signature signature // nil for a kind that is sealed only
}

func newSignet(r *Ring, p Profile, m *member, day int) *signet {
	return &signet{
		member:    m,
		day:       day,
		outer:     appendEncoded(nil, []byte(p.outer(kid(m, day)))),
		inner:     append(appendEncoded(nil, []byte(p.inner(m))), '.'),
		aead:      a256gcm(r.contentKey(m, p.Kind, day)),
		signature: signatureOf(p.Sign, m, func() []byte { return r.macKey(m, p.Kind, day) }),
	}
}

// contentKey is the A256GCM key of one kind on one day, 32 bytes.
func (r *Ring) contentKey(m *member, kind string, day int) []byte {
	return derive(m.root, "seal/"+kind+"/"+strconv.Itoa(day), r.issuer, 32)
}

// macKey is the HS256 key of one kind on one day, 32 bytes. A kid of a
// stranger's making does not cost its derivation: the seal is opened first.
func (r *Ring) macKey(m *member, kind string, day int) []byte {
	return derive(m.root, "mac/"+kind+"/"+strconv.Itoa(day), r.issuer, 32)
}

func a256gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("jose: aes: " + err.Error()) // only for another key size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("jose: gcm: " + err.Error()) // only for another block size
	}
	return aead
}

// desk is the room to work on one token.
type desk struct {
	iv        [ivChars]byte // room for either spelling
	text      []byte        // the sealed bytes, in place of them the opened ones
	signature []byte
	token     []byte
}

var desks = sync.Pool{New: func() any { return new(desk) }}

// largestDesk is what a desk may keep, in bytes: one huge payload must not
// stay in memory for ever.
const largestDesk = 32 << 10

func (d *desk) clear() {
	if cap(d.text) <= largestDesk {
		desks.Put(d)
	}
}

// sign writes the JWS around payload into d.text, or for a kind that is sealed
// only the payload itself.
func (s *signet) sign(d *desk, payload []byte) error {
	if s.signature == nil {
		d.text = append(d.text[:0], payload...)
		return nil
	}
	d.text = appendEncoded(append(d.text[:0], s.inner...), payload)
	var err error
	if d.signature, err = s.signature.appendTo(d.signature[:0], d.text); err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	d.text = appendEncoded(append(d.text, '.'), d.signature)
	return nil
}

// seal writes the JWE around d.text into d.token.
func (s *signet) seal(d *desk) {
	rand.Read(d.iv[:ivSize]) // never fails: crypto/rand ends the process instead
	d.text = s.aead.Seal(d.text[:0], d.iv[:ivSize], d.text, s.outer)
	tag := len(d.text) - s.aead.Overhead()
	t := append(d.token[:0], s.outer...)
	t = appendEncoded(append(t, ".."...), d.iv[:ivSize])
	t = appendEncoded(append(t, '.'), d.text[:tag])
	d.token = appendEncoded(append(t, '.'), d.text[tag:])
}

// unseal opens the JWE into d.text.
func (s *signet) unseal(d *desk, e envelope) error {
	iv, ivOK := appendDecoded(d.iv[:0], []byte(e.iv))
	text, textOK := appendDecoded(d.text[:0], []byte(e.text))
	text, tagOK := appendDecoded(text, []byte(e.tag))
	d.text = text
	if !ivOK || !textOK || !tagOK {
		return ErrMalformed
	}
	plain, err := s.aead.Open(text[:0], iv, text, s.outer)
	if err != nil {
		return ErrForged
	}
	d.text = plain
	return nil
}

// verify appends the payload of the JWS in d.text to dst.
func (s *signet) verify(dst []byte, d *desk) ([]byte, error) {
	if s.signature == nil {
		return append(dst, d.text...), nil
	}
	dot := bytes.LastIndexByte(d.text, '.')
	if !bytes.HasPrefix(d.text, s.inner) || dot < len(s.inner) {
		return nil, ErrMalformed
	}
	payload, payloadOK := appendDecoded(dst, d.text[len(s.inner):dot])
	signature, signatureOK := appendDecoded(d.signature[:0], d.text[dot+1:])
	d.signature = signature
	if !payloadOK || !signatureOK {
		return nil, ErrMalformed
	}
	if !s.signature.verifies(d.text[:dot], signature) {
		return nil, ErrForged
	}
	return payload, nil
}
