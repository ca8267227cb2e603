package jose_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"mcp-oauth-server/crypto/jose"
)

var payloads = []string{
	`{"v":1}`, `{}`, "", "x", `{"n":"Ünïcode „quotes“ \" \\ \u0000 🔑"}`, strings.Repeat("a", 700), "\x00\xff\x00",
}

// What the vault seals, the library opens with the raw keys, and a second
// library that shares no code with it does too.
func TestOthersOpenWhatWeSeal(t *testing.T) {
	r := newRing(t, issuer, secretA)
	day := jose.Today(noon)
	for _, p := range profiles {
		for _, payload := range payloads {
			if payload == "" && p.Sign == jose.None {
				continue // an empty ciphertext is no artifact; see TestEmptyPayload
			}
			token := seal(t, r, p, payload, noon)
			mustOpen(t, r, p, token, payload, noon)
			key := r.ContentKey(0, p.Kind, day)
			viaJWX, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, key))
			if err != nil {
				t.Fatalf("%s: jwx: %v", name(p), err)
			}
			object, err := gojose.ParseEncryptedCompact(token, []gojose.KeyAlgorithm{gojose.DIRECT}, []gojose.ContentEncryption{gojose.A256GCM})
			if err != nil {
				t.Fatalf("%s: go-jose: %v", name(p), err)
			}
			viaGoJose, err := object.Decrypt(key)
			if err != nil || string(viaGoJose) != string(viaJWX) {
				t.Fatalf("%s: go-jose opens %q, %v; jwx %q", name(p), viaGoJose, err, viaJWX)
			}
			if p.Sign != jose.None {
				viaJWX = verifyOutside(t, r, p, string(viaJWX))
			}
			if string(viaJWX) != payload {
				t.Errorf("%s: others read %q, want %q", name(p), viaJWX, payload)
			}
		}
	}
}

// verifyOutside verifies a JWS of the ring with both libraries.
func verifyOutside(t *testing.T, r *jose.Ring, p jose.Profile, token string) []byte {
	t.Helper()
	var key any = r.PublicKey(0, p.Sign)
	if p.Sign == jose.HS256 {
		key = r.SigningKey(0, p, jose.Today(noon))
	}
	viaJWX, err := jws.Verify([]byte(token), jws.WithKey(jwa.SignatureAlgorithm(p.Sign), key))
	if err != nil {
		t.Fatalf("%s: jwx: %v", name(p), err)
	}
	object, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(p.Sign)})
	if err != nil {
		t.Fatalf("%s: go-jose: %v", name(p), err)
	}
	viaGoJose, err := object.Verify(key)
	if err != nil || string(viaGoJose) != string(viaJWX) {
		t.Fatalf("%s: go-jose verifies %q, %v; jwx %q", name(p), viaGoJose, err, viaJWX)
	}
	return viaJWX
}

// jwxSeal makes a token of the profile with the library alone.
func jwxSeal(t *testing.T, r *jose.Ring, p jose.Profile, payload []byte, more ...jwe.EncryptOption) string {
	t.Helper()
	day := jose.Today(noon)
	if p.Sign != jose.None {
		payload = jwxSign(t, p, r.SigningKey(0, p, day), r.ID(0), payload)
	}
	return jwxEncrypt(t, r, p, payload, more...)
}

func jwxSign(t testing.TB, p jose.Profile, key any, id string, payload []byte) []byte {
	t.Helper()
	h := jws.NewHeaders()
	must(t, h.Set("typ", p.Type))
	if p.Sign != jose.HS256 {
		must(t, h.Set("kid", id))
	}
	out, err := jws.Sign(payload, jws.WithKey(jwa.SignatureAlgorithm(p.Sign), key, jws.WithProtectedHeaders(h)))
	must(t, err)
	return out
}

func jwxEncrypt(t *testing.T, r *jose.Ring, p jose.Profile, payload []byte, more ...jwe.EncryptOption) string {
	t.Helper()
	day := jose.Today(noon)
	h := jwe.NewHeaders()
	if p.Sign == jose.None {
		must(t, h.Set("typ", p.Type))
	} else {
		must(t, h.Set("cty", "JWT"))
	}
	must(t, h.Set("kid", fmt.Sprint(r.ID(0), ".", day)))
	out, err := jwe.Encrypt(payload, append([]jwe.EncryptOption{
		jwe.WithKey(jwa.DIRECT, r.ContentKey(0, p.Kind, day)),
		jwe.WithContentEncryption(jwa.A256GCM), jwe.WithProtectedHeaders(h),
	}, more...)...)
	must(t, err)
	return string(out)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What the library seals with the same keys and profile, the vault opens.
func TestWeOpenWhatTheLibrarySeals(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		for _, payload := range payloads {
			if payload == "" && p.Sign == jose.None {
				continue
			}
			mustOpen(t, r, p, jwxSeal(t, r, p, []byte(payload)), payload, noon)
		}
	}
}

// And what nobody's library seals but the standard library's AES: the profile
// is nothing but RFC 7516 and RFC 7515.
func TestWeOpenWhatIsMadeByHand(t *testing.T) {
	r := newRing(t, issuer, secretA)
	day := jose.Today(noon)
	for _, p := range []jose.Profile{sealed, forever, access} {
		payload := "by hand"
		inner := []byte(payload)
		if p.Sign != jose.None {
			inner = []byte(craftJWS(r.Inner(0, p), payload, r.SigningKey(0, p, day)))
		}
		mustOpen(t, r, p, craft(t, r.Outer(0, p, day), r.ContentKey(0, p.Kind, day), inner), payload, noon)
	}
}

// The inner JWS of an access token verifies with the published key alone, as a
// second resource server would do it.
func TestPublishedKeysVerify(t *testing.T) {
	for _, p := range []jose.Profile{access, ecdsa} {
		minting, publishing := newRing(t, issuer, secretB), newRing(t, issuer, secretA, secretB)
		token := seal(t, minting, p, `{"sub":"alice"}`, noon)
		inner, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, minting.ContentKey(0, p.Kind, jose.Today(noon))))
		must(t, err)
		document, err := publishing.JWKS(p.Sign)
		must(t, err)

		set, err := jwk.Parse(document)
		must(t, err)
		got, err := jws.Verify(inner, jws.WithKeySet(set)) // by kid and alg, as a client library does
		if err != nil || string(got) != `{"sub":"alice"}` {
			t.Errorf("%s: jwx with the JWKS: %q, %v", name(p), got, err)
		}
		var keys gojose.JSONWebKeySet
		must(t, json.Unmarshal(document, &keys))
		object, err := gojose.ParseSignedCompact(string(inner), []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(p.Sign)})
		must(t, err)
		found := keys.Key(object.Signatures[0].Header.KeyID)
		if len(found) != 1 {
			t.Fatalf("%s: %d keys of that kid", name(p), len(found))
		}
		if got, err = object.Verify(found[0]); err != nil || string(got) != `{"sub":"alice"}` {
			t.Errorf("%s: go-jose with the JWKS: %q, %v", name(p), got, err)
		}
	}
}

// Sealing nothing gives an empty ciphertext, which is no artifact: opening
// refuses what no artifact is, and nobody seals it.
func TestEmptyPayload(t *testing.T) {
	r := newRing(t, issuer, secretA)
	token := craft(t, r.Outer(0, sealed, jose.Today(noon)), r.ContentKey(0, sealed.Kind, jose.Today(noon)), nil)
	mustRefuse(t, r, sealed, token, jose.ErrMalformed, noon)
}

// AES-GCM breaks when a nonce repeats under one key.
func TestNoncesAreDistinct(t *testing.T) {
	r := newRing(t, issuer, secretA)
	const sample = 20_000
	seen := make(map[string]struct{}, sample)
	for range sample {
		seen[strings.Split(seal(t, r, sealed, "x", noon), ".")[2]] = struct{}{}
	}
	if len(seen) != sample {
		t.Errorf("%d nonces in %d tokens", len(seen), sample)
	}
}

// Ed25519 and HMAC are deterministic, so only the nonce tells two tokens of one
// payload apart; nothing else in them may vary.
func TestTokensDifferOnlyInTheSeal(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		a, b := strings.Split(seal(t, r, p, "x", noon), "."), strings.Split(seal(t, r, p, "x", noon), ".")
		if a[0] != b[0] || slices.Equal(a[2:], b[2:]) || len(a[3]) != len(b[3]) {
			t.Errorf("%s: %v and %v", name(p), a, b)
		}
	}
}
