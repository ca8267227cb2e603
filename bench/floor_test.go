package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// floor is the least that a program can do which knows all about one artifact
// beforehand: the cryptography, base64 and a JSON text put together from ready
// pieces, in buffers that are used again. It has one key and one day, escapes
// nothing, allows for no other order of members, and checks neither size nor
// issuer nor expiry. What the product does more than this is its overhead.
type floor struct {
	outer, inner string // headers, encoded
	static       string // the members that do not change
	names        []string
	aead         cipher.AEAD
	private      ed25519.PrivateKey // nil for HS256
	public       ed25519.PublicKey
	signature    int // characters
	macs         sync.Pool
	scratch      sync.Pool
}

type floorScratch struct {
	iv, id       [12]byte
	a, b, sum    []byte
	values       [16]string
	issued, ends int64
}

var strict = base64.RawURLEncoding.Strict()

// newFloor makes a floor around static, the members that do not change, as the
// beginning of a JSON object.
func newFloor(tb testing.TB, outer, inner, static string, eddsa bool) *floor {
	tb.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		tb.Fatal(err)
	}
	f := &floor{
		signature: 43, // of 32 bytes
		outer:     strict.EncodeToString([]byte(outer)), inner: strict.EncodeToString([]byte(inner)) + ".", static: static, aead: aead,
		macs:    sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
		scratch: sync.Pool{New: func() any { return new(floorScratch) }},
	}
	if eddsa {
		f.private, f.signature = ed25519.NewKeyFromSeed(key), 86 // of 64 bytes
		f.public = ed25519.PublicKey(f.private[32:])
	}
	for _, member := range strings.Split(strings.Trim(static, "{"), `",`) {
		f.names = append(f.names, strings.Split(member, `"`)[1])
	}
	return f
}

// letter is the floor as one artifact with its two verbs.
func (f *floor) letter() letter {
	return letter{"floor", func() (string, error) { return f.mint(), nil }, f.open}
}

func (f *floor) sum(dst, input []byte) []byte {
	mac := f.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(input)
	dst = mac.Sum(dst)
	f.macs.Put(mac)
	return dst
}

func (f *floor) mint() string {
	s := f.scratch.Get().(*floorScratch)
	now := time.Now().Unix()
	rand.Read(s.id[:])
	payload := append(s.b[:0], f.static...)
	payload = strict.AppendEncode(append(payload, `,"jti":"`...), s.id[:])
	payload = strconv.AppendInt(append(payload, `","iat":`...), now, 10)
	payload = strconv.AppendInt(append(payload, `,"exp":`...), now+600, 10)
	payload = append(payload, '}')

	text := strict.AppendEncode(append(s.a[:0], f.inner...), payload)
	if f.private != nil {
		s.sum = append(s.sum[:0], ed25519.Sign(f.private, text)...)
	} else {
		s.sum = f.sum(s.sum[:0], text)
	}
	text = strict.AppendEncode(append(text, '.'), s.sum)
	rand.Read(s.iv[:])
	text = f.aead.Seal(text[:0], s.iv[:], text, []byte(f.outer))
	tag := len(text) - 16

	out := append(payload[:0], f.outer...)
	out = strict.AppendEncode(append(out, ".."...), s.iv[:])
	out = strict.AppendEncode(append(out, '.'), text[:tag])
	out = strict.AppendEncode(append(out, '.'), text[tag:])
	token := string(out)
	s.a, s.b = text, out
	f.scratch.Put(s)
	return token
}

var errFloor = errors.New("refused")

func (f *floor) open(token string) error {
	s := f.scratch.Get().(*floorScratch)
	defer f.scratch.Put(s)
	h := len(f.outer)
	if len(token) < h+64 || token[:h] != f.outer || token[h:h+2] != ".." || token[h+18] != '.' || token[len(token)-23] != '.' {
		return errFloor
	}
	if _, err := strict.Decode(s.iv[:], []byte(token[h+2:h+18])); err != nil {
		return err
	}
	text, err := strict.AppendDecode(s.a[:0], []byte(token[h+19:len(token)-23]))
	if err != nil {
		return err
	}
	if text, err = strict.AppendDecode(text, []byte(token[len(token)-22:])); err != nil {
		return err
	}
	s.a = text
	if text, err = f.aead.Open(text[:0], s.iv[:], text, []byte(f.outer)); err != nil {
		return err
	}
	return f.verify(s, text)
}

func (f *floor) verify(s *floorScratch, text []byte) (err error) {
	dot := len(text) - f.signature - 1
	if dot < len(f.inner) || string(text[:len(f.inner)]) != f.inner || text[dot] != '.' {
		return errFloor
	}
	if s.b, err = strict.AppendDecode(s.b[:0], text[dot+1:]); err != nil {
		return err
	}
	if f.private != nil {
		if !ed25519.Verify(f.public, text[:dot], s.b) {
			return errFloor
		}
	} else if s.sum = f.sum(s.sum[:0], text[:dot]); !hmac.Equal(s.sum, s.b) {
		return errFloor
	}
	if s.b, err = strict.AppendDecode(s.b[:0], text[len(f.inner):dot]); err != nil {
		return err
	}
	return f.read(s, string(s.b))
}

// read takes the values out of the payload.
func (f *floor) read(s *floorScratch, payload string) error {
	at := 1
	for i, name := range f.names {
		at += len(name) + len(`"":"`)
		end := strings.IndexByte(payload[at:], '"')
		if end < 0 {
			return errFloor
		}
		s.values[i] = payload[at : at+end]
		at += end + len(`",`)
	}
	at += len(`"jti":"`)
	s.values[len(f.names)] = payload[at : at+16]
	at += 16 + len(`","iat":`)
	s.issued, at = floorNumber(payload, at)
	s.ends, at = floorNumber(payload, at+len(`,"exp":`))
	if at != len(payload)-1 || s.ends <= time.Now().Unix() {
		return errFloor
	}
	return nil
}

func floorNumber(text string, at int) (n int64, end int) {
	for ; text[at] >= '0' && text[at] <= '9'; at++ {
		n = n*10 + int64(text[at]-'0')
	}
	return n, at
}
