package jose_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mcp-oauth-server/crypto/jose"
)

// canonical is the definition: the one spelling of bytes is the one that the
// standard library writes.
func canonical(part []byte) (decoded []byte, ok bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(string(part))
	return decoded, err == nil && base64.RawURLEncoding.EncodeToString(decoded) == string(part)
}

// sameBase64 compares with the definition, behind something else in the buffer.
func sameBase64(t interface{ Fatalf(string, ...any) }, part []byte) {
	want, wantOK := canonical(part)
	got, ok := jose.AppendDecoded([]byte("before"), part)
	if ok != wantOK || ok && string(got) != "before"+string(want) {
		t.Fatalf("%q is decoded as %q, %v; want %q, %v", part, got, ok, want, wantOK)
	}
	if got := jose.AppendEncoded([]byte("before"), part); string(got) != "before"+b64(part) {
		t.Fatalf("%q is encoded as %q", part, got)
	}
}

// Every length, and in it every byte at every place.
func TestBase64(t *testing.T) {
	for length := range 40 {
		b := make([]byte, length)
		for at := range b {
			for c := range 256 {
				b[at] = byte(c)
				sameBase64(t, []byte(b64(b)))
			}
		}
		part := []byte(strings.Repeat("Q", length))
		for at := range part {
			for c := range 256 {
				part[at] = byte(c)
				sameBase64(t, part)
			}
			part[at] = 'g'
		}
	}
}

func TestBase64RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "bytes")
		got, ok := jose.AppendDecoded(nil, jose.AppendEncoded(nil, b))
		if !ok || !bytes.Equal(got, b) {
			t.Fatalf("%x comes back as %x, %v", b, got, ok)
		}
	})
}

func FuzzBase64(f *testing.F) {
	for _, part := range []string{"", "A", "AA", "AB", "AAAA", "AAAAAAAA", "AAAA\nAAAA", "AAAAAAAA\n", "AA==", "++//", "-_-_-_-_-_-_"} {
		f.Add([]byte(part))
	}
	f.Fuzz(func(t *testing.T, part []byte) { sameBase64(t, part) })
}
