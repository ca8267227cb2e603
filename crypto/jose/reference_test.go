package jose_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jws"
	"pgregory.net/rapid"

	"mcp-oauth-server/crypto/jose"
)

// jwxOpen opens a token of today with the library alone, given nothing but the
// keys: the reference that our own opening is held to. It decides by the token
// what it does, which is why it is not what the product does.
func jwxOpen(r *jose.Ring, p jose.Profile, token string, day int) ([]byte, error) {
	payload, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, r.ContentKey(0, p.Kind, day)))
	if err != nil || p.Sign == jose.None {
		return payload, err
	}
	key := r.SigningKey(0, p, day)
	if p.Sign != jose.HS256 {
		key = r.PublicKey(0, p.Sign)
	}
	return jws.Verify(payload, jws.WithKey(jwa.SignatureAlgorithm(p.Sign), key))
}

// bothWays seals with each side and opens with the other.
func bothWays(t interface{ Fatalf(string, ...any) }, r *jose.Ring, p jose.Profile, payload, viaJWX []byte, token string) {
	got, err := jwxOpen(r, p, token, jose.Today(noon))
	if err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("%s: the library opens %q, %v; sealed %q", name(p), got, err, payload)
	}
	for _, token := range []string{token, string(viaJWX)} {
		got, err = r.Open(p, token, noon)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("%s: opened %q, %v; sealed %q", name(p), got, err, payload)
		}
	}
}

func TestBothWays(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		t.Run(name(p), rapid.MakeCheck(func(rt *rapid.T) {
			payload := rapid.SliceOfN(rapid.Byte(), 1, 600).Draw(rt, "payload")
			token, err := r.Seal(p, payload, noon)
			if err != nil {
				rt.Fatal(err)
			}
			bothWays(rt, r, p, payload, []byte(jwxSeal(t, r, p, payload)), token)
		}))
	}
}

// FuzzPayload seals what the fuzzer finds, with each side, and opens it with the
// other.
func FuzzPayload(f *testing.F) {
	r := fuzzRing(f)
	for i := range profiles {
		for _, payload := range payloads {
			f.Add(uint8(i), []byte(payload))
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, payload []byte) {
		p := profiles[int(i)%len(profiles)]
		token, err := r.Seal(p, payload, noon)
		must(t, err)
		if len(payload) == 0 && p.Sign == jose.None || len(token) > p.Max {
			mustRefuse(t, r, p, token, jose.ErrMalformed, noon)
			return
		}
		bothWays(t, r, p, payload, []byte(jwxSeal(t, r, p, payload)), token)
	})
}

// Headers and the deterministic signatures are the library's, byte for byte.
func TestTheBytesAreTheLibrarys(t *testing.T) {
	r := newRing(t, issuer, secretA)
	day := jose.Today(noon)
	for _, p := range profiles {
		for _, payload := range payloads {
			if payload == "" {
				continue
			}
			ours, theirs := seal(t, r, p, payload, noon), jwxSeal(t, r, p, []byte(payload))
			if o, l := strings.Split(ours, ".")[0], strings.Split(theirs, ".")[0]; o != l {
				t.Errorf("%s: header %s, the library's %s", name(p), o, l)
			}
			if p.Sign != jose.HS256 && p.Sign != jose.EdDSA {
				continue
			}
			inside, err := jwe.Decrypt([]byte(ours), jwe.WithKey(jwa.DIRECT, r.ContentKey(0, p.Kind, day)))
			must(t, err)
			if want := jwxSign(t, p, r.SigningKey(0, p, day), r.ID(0), []byte(payload)); !bytes.Equal(inside, want) {
				t.Errorf("%s: signed %s, the library signs %s", name(p), inside, want)
			}
		}
	}
}

// refused is a token that the library opens and this package does not.
type refused struct {
	Name, Profile, Token, Payload, Error string
}

// What the library takes and we refuse is written down, as tokens of the ring of
// secretA at noon. The file is never rewritten, so a later library may open less
// of it (then the test says so), and a later version of ours none of it.
func TestWhatTheLibraryTakesAndWeRefuse(t *testing.T) {
	r := newRing(t, issuer, secretA)
	path := filepath.Join("testdata", "refused-v1.json")
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		raw = writeRefused(t, r, path)
	} else {
		must(t, err)
	}
	var corpus []refused
	must(t, json.Unmarshal(raw, &corpus))
	if len(corpus) < 40 {
		t.Errorf("only %d tokens", len(corpus))
	}
	for _, c := range corpus {
		t.Run(c.Profile+"/"+c.Name, func(t *testing.T) {
			i := slices.IndexFunc(profiles, func(p jose.Profile) bool { return name(p) == c.Profile })
			p := profiles[i]
			if got, err := jwxOpen(r, p, c.Token, jose.Today(noon)); err != nil || string(got) != c.Payload {
				t.Errorf("the library reads %q, %v", got, err)
			}
			if got, err := r.Open(p, c.Token, noon); got != nil || fmt.Sprint(err) != c.Error {
				t.Errorf("opened %q, %v; want %s", got, err, c.Error)
			}
		})
	}
}

// writeRefused makes the corpus: of many spellings and headers those that the
// library opens to what was sealed.
func writeRefused(t *testing.T, r *jose.Ring, path string) []byte {
	t.Helper()
	var corpus []refused
	for _, p := range []jose.Profile{sealed, forever, access} {
		for what, token := range suspects(t, r, p) {
			got, err := jwxOpen(r, p, token, jose.Today(noon))
			if _, refusal := r.Open(p, token, noon); err == nil && string(got) == "genuine" && refusal != nil {
				corpus = append(corpus, refused{what, name(p), token, string(got), refusal.Error()})
			}
		}
	}
	slices.SortFunc(corpus, func(a, b refused) int { return strings.Compare(a.Profile+a.Name, b.Profile+b.Name) })
	raw, err := json.MarshalIndent(corpus, "", "\t")
	must(t, err)
	raw = append(raw, '\n')
	must(t, os.WriteFile(path, raw, 0o644))
	return raw
}

// suspects are texts that a lenient reader may take for a token of the profile.
func suspects(t *testing.T, r *jose.Ring, p jose.Profile) map[string]string {
	t.Helper()
	const payload = "genuine"
	day := jose.Today(noon)
	key, header := r.ContentKey(0, p.Kind, day), r.Outer(0, p, day)
	inner := []byte(payload)
	if p.Sign != jose.None {
		inner = []byte(craftJWS(r.Inner(0, p), payload, r.SigningKey(0, p, day)))
	}
	token := craft(t, header, key, inner)
	parts := strings.Split(token, ".")
	out := map[string]string{
		"space before": " " + token, "space after": token + " ", "newline after": token + "\n", "tab before": "\t" + token,
		"JSON flattened": `{"protected":"` + parts[0] + `","iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
		"JSON general":   `{"protected":"` + parts[0] + `","recipients":[{}],"iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
		"zip":            jwxSeal(t, r, p, []byte(payload), jwe.WithCompress(jwa.Deflate)),
		"another enc":    jwxSeal(t, r, p, []byte(payload), jwe.WithContentEncryption(jwa.A128CBC_HS256)),
		"encrypted key":  strings.Replace(token, "..", ".AAAA.", 1),
	}
	for i, part := range parts {
		for what, other := range map[string]string{
			"padding":    part + strings.Repeat("=", (4-len(part)%4)%4),
			"newline":    part[:len(part)/2] + "\n" + part[len(part)/2:],
			"stray bits": part,
		} {
			if what == "stray bits" && part != "" {
				other = strayBits(part)
			}
			if other != part {
				changed := slices.Clone(parts)
				changed[i] = other
				out[fmt.Sprintf("%s in part %d", what, i+1)] = strings.Join(changed, ".")
			}
		}
	}
	outer := func(what, old, now string) { out[what] = craft(t, strings.Replace(header, old, now, 1), key, inner) }
	outer("white space in the header", `,"enc"`, `, "enc"`)
	outer("another order of the header", `{"alg":"dir",`, `{"enc":"A256GCM","alg":"dir",`)
	outer("unknown member", `{`, `{"x":1,`)
	outer("crit", `{`, `{"crit":["x"],"x":1,`)
	outer("alg twice", `{`, `{"alg":"none",`)
	outer("jwk", `{`, `{"jwk":{"kty":"oct","k":"AAAA"},`)
	outer("jku", `{`, `{"jku":"https://evil.example/keys",`)
	outer("escaped alg", `"alg"`, `"\u0061lg"`)
	outer("no typ or cty", `"cty":"JWT",`, ``)
	outer("no kid", `"kid":"`+r.ID(0)+"."+fmt.Sprint(day)+`"`, `"x":""`)
	outer("kid of another ring", r.ID(0), "AAAAAAAA")
	outer("kid of another day", "."+fmt.Sprint(day), "."+fmt.Sprint(day-400))
	outer("leading zero in the day", "."+fmt.Sprint(day), ".0"+fmt.Sprint(day))
	if p.Sign == jose.None {
		outer("another typ", p.Type, "mcp-other")
		return out
	}
	signed := func(what, old, now string) {
		out[what+" inside"] = craft(t, header, key, []byte(craftJWS(strings.Replace(r.Inner(0, p), old, now, 1), payload, r.SigningKey(0, p, day))))
	}
	signed("crit", `{`, `{"crit":["x"],"x":1,`)
	signed("unknown member", `{`, `{"x":1,`)
	signed("white space", `,"typ"`, `, "typ"`)
	signed("another typ", p.Type, "JWT")
	signed("no typ", `,"typ":"`+p.Type+`"`, ``)
	signed("alg twice", `{`, `{"alg":"none",`)
	signed("jwk", `{`, `{"jwk":{"kty":"oct","k":"AAAA"},`)
	signed("added or other kid", `"typ"`, `"kid":"AAAAAAAA","typ"`)
	respelled := func(what string, inside string) { out[what+" inside"] = craft(t, header, key, []byte(inside)) }
	respelled("newline", string(inner)+"\n")
	respelled("space", " "+string(inner))
	respelled("padding", string(inner)+strings.Repeat("=", (4-len(strings.Split(string(inner), ".")[2])%4)%4))
	respelled("stray bits", string(inner[:bytes.LastIndexByte(inner, '.')+1])+strayBits(string(inner[bytes.LastIndexByte(inner, '.')+1:])))
	object, err := jws.Sign([]byte(payload), jws.WithJSON(), jws.WithKey(jwa.SignatureAlgorithm(p.Sign), r.SigningKey(0, p, day)))
	must(t, err)
	respelled("JSON", string(object))
	return out
}
