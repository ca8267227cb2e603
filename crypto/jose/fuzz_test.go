package jose_test

import (
	"bytes"
	"strings"
	"testing"

	"mcp-oauth-server/crypto/jose"
)

// openings is what must hold for any text whatsoever. A text that opens is the
// canonical spelling of its bytes under the one header of the profile, the
// library opens it to the same content, and it opens under no other profile.
func openings(t *testing.T, r *jose.Ring, token string) {
	var opened []string
	for _, p := range profiles {
		payload, err := r.Open(p, token, noon)
		if err != nil {
			if payload != nil {
				t.Errorf("%s: payload beside %v", name(p), err)
			}
			continue
		}
		opened = append(opened, name(p))
		parts := strings.Split(token, ".")
		header := string(unb64(t, parts[0]))
		day := jose.Today(noon)
		for header != r.Outer(0, p, day) {
			if day--; day < 0 {
				t.Fatalf("%s: opened under the header %s", name(p), header)
			}
		}
		respelled := b64([]byte(header)) + ".." + b64(unb64(t, parts[2])) + "." + b64(unb64(t, parts[3])) + "." + b64(unb64(t, parts[4]))
		if respelled != token {
			t.Errorf("%s: %q opens, and so does %q", name(p), token, respelled)
		}
		viaJWX, err := jwxOpen(r, p, token, day)
		if err != nil || !bytes.Equal(viaJWX, payload) {
			t.Fatalf("%s: %q opens as %q, the library reads %q, %v", name(p), token, payload, viaJWX, err)
		}
	}
	if len(opened) > 1 {
		t.Errorf("%q opens as %v", token, opened)
	}
}

func fuzzRing(f *testing.F) *jose.Ring {
	f.Helper()
	return newRing(f, issuer, secretA)
}

// FuzzOpen feeds whole tokens.
func FuzzOpen(f *testing.F) {
	r := fuzzRing(f)
	for _, p := range profiles {
		token := genuine(f, r, p)
		f.Add(token)
		f.Add(token + "=")
		f.Add(token[:len(token)-1])
		f.Add(strings.Replace(token, "..", ".\n.", 1))
		f.Add(seal(f, r, p, "x", noon.AddDate(0, 0, -9)))
	}
	f.Add("....")
	f.Add(`{"protected":"","ciphertext":""}`)
	f.Fuzz(func(t *testing.T, token string) { openings(t, r, token) })
}

// FuzzHeader feeds headers over a payload that is sealed with the right key, so
// that the fuzzer gets past the AEAD.
func FuzzHeader(f *testing.F) {
	r := fuzzRing(f)
	day := jose.Today(noon)
	for i, p := range profiles {
		f.Add(uint8(i), r.Outer(0, p, day))
		f.Add(uint8(i), strings.Replace(r.Outer(0, p, day), "{", "{ ", 1))
	}
	f.Fuzz(func(t *testing.T, i uint8, header string) {
		p := profiles[int(i)%len(profiles)]
		payload := []byte("x")
		if p.Sign != jose.None {
			payload = jwxSign(t, p, r.SigningKey(0, p, day), r.ID(0), payload)
		}
		token := craft(t, header, r.ContentKey(0, p.Kind, day), payload)
		if _, err := r.Open(p, token, noon); (err == nil) != (header == r.Outer(0, p, day)) {
			t.Errorf("%s: header %q: %v", name(p), header, err)
		}
		openings(t, r, token)
	})
}

// FuzzInside feeds what stands inside the seal: nothing but the genuine JWS of
// the one payload that was signed may come out.
func FuzzInside(f *testing.F) {
	r := fuzzRing(f)
	day := jose.Today(noon)
	signed := profiles[1:]
	for i, p := range signed {
		jws := jwxSign(f, p, r.SigningKey(0, p, day), r.ID(0), []byte("signed"))
		f.Add(uint8(i), jws)
		f.Add(uint8(i), append(jws, '='))
		f.Add(uint8(i), []byte(b64([]byte(r.Inner(0, p)))+"."+b64([]byte("signed"))+"."))
	}
	f.Fuzz(func(t *testing.T, i uint8, inside []byte) {
		if len(inside) == 0 || len(inside) > 1000 {
			return
		}
		p := signed[int(i)%len(signed)]
		token := craft(t, r.Outer(0, p, day), r.ContentKey(0, p.Kind, day), inside)
		if payload, err := r.Open(p, token, noon); err == nil && string(payload) != "signed" {
			t.Errorf("%s: %q came out of %q", name(p), payload, inside)
		}
		openings(t, r, token)
	})
}
