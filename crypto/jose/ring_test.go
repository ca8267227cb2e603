package jose_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"mcp-oauth-server/crypto/jose"
)

func TestParseSecrets(t *testing.T) {
	good := "u7Wl1b7b0x3k8d1bXQ0m3n0p9r2s5t8v-x_z1A2B3C4"
	std := strings.NewReplacer("-", "+", "_", "/").Replace(good) + "="
	long := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("0123456789"), 8))
	example := "Zm9yLWRvY3VtZW50YXRpb24tb25seS0tLWRvLW5vdC0"
	tests := []struct {
		name, list string
		want       int    // secrets
		err        string // part of the error
	}{
		{"one", good, 1, ""},
		{"commas", good + "," + long, 2, ""},
		{"lines of a file", "\n" + good + "\r\n" + long + "\n", 2, ""},
		{"spaces and tabs", " " + good + " \t" + long + " ", 2, ""},
		{"standard alphabet, padded", std, 1, ""},
		{"longer than needed", long, 1, ""},

		{"nothing", "", 0, "empty"},
		{"only separators", " ,\n, ", 0, "empty"},
		{"31 bytes", base64.RawURLEncoding.EncodeToString([]byte("0123456789012345678901234567890")), 0, "has 31 bytes, needs at least 32"},
		{"all zero", strings.Repeat("A", 43), 0, "one byte repeated"},
		{"all 0xff", base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 40)), 0, "one byte repeated"},
		{"the example", example, 0, "documentation"},
		{"the example, padded", example + "=", 0, "documentation"},
		{"the example with stray bits", example[:42] + "1", 0, "documentation"},
		{"a passphrase", "correct horse battery staple", 0, "secret 1 of 4"},
		{"not base64", "correct.horse.battery.staple", 0, "secret 1 of 1: is not base64url"},
		{"a hash mark", good + "#prod", 0, "is not base64url"},
		{"second is bad", good + ",short", 0, "secret 2 of 2"},
		{"the same twice", good + "," + long + "," + std, 0, "secret 3 of 3: is the same as secret 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := jose.ParseSecrets(tt.list)
			if tt.err == "" {
				if err != nil || len(got) != tt.want {
					t.Fatalf("%d secrets, %v; want %d", len(got), err, tt.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want one with %q", err, tt.err)
			}
			for _, f := range strings.FieldsFunc(tt.list, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
				if len(f) > 8 && strings.Contains(err.Error(), f) {
					t.Errorf("the error tells the secret: %v", err)
				}
			}
		})
	}
}

func TestNewSecretIsAccepted(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s := jose.NewSecret()
		if got, err := jose.ParseSecrets(s); err != nil || len(got) != 1 || seen[s] || len(s) != 43 {
			t.Fatalf("%q: %v", s, err)
		}
		seen[s] = true
	}
}

func TestNewRingRefuses(t *testing.T) {
	secrets, err := jose.ParseSecrets(secretA)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jose.NewRing("", secrets); err == nil {
		t.Error("a ring without an issuer")
	}
	if _, err := jose.NewRing(issuer, nil); err == nil {
		t.Error("a ring without secrets")
	}
	if _, err := jose.NewRing(issuer, []jose.Secret{{}}); err == nil {
		t.Error("a ring with an empty secret")
	}
	if _, err := jose.NewRing(issuer, append(secrets, secrets...)); err == nil {
		t.Error("a ring with one secret twice")
	}
}

// The rotation of a ring, step by step, as seen by the artifacts.
func TestRotation(t *testing.T) {
	var (
		before = newRing(t, issuer, secretA)
		accept = newRing(t, issuer, secretA, secretB) // B is added second everywhere
		mint   = newRing(t, issuer, secretB, secretA) // then moved first
		after  = newRing(t, issuer, secretB)          // and A is removed
	)
	for _, p := range profiles {
		old := seal(t, before, p, "old", noon)
		mustOpen(t, accept, p, old, "old", noon)
		mustOpen(t, mint, p, old, "old", noon)
		mustRefuse(t, after, p, old, jose.ErrUnknownKey, noon)

		stillOld := seal(t, accept, p, "first mints", noon)
		mustOpen(t, before, p, stillOld, "first mints", noon)
		mustRefuse(t, after, p, stillOld, jose.ErrUnknownKey, noon)

		fresh := seal(t, mint, p, "new", noon)
		mustOpen(t, accept, p, fresh, "new", noon)
		mustOpen(t, after, p, fresh, "new", noon)
		mustRefuse(t, before, p, fresh, jose.ErrUnknownKey, noon)
	}
}

// One secret shared by two deployments must not make their artifacts
// interchangeable, even when the kid is rewritten to the other one's name.
func TestIssuersAreSeparate(t *testing.T) {
	ours, theirs := newRing(t, issuer, secretA), newRing(t, "https://staging.example.com", secretA)
	if ours.ID(0) == theirs.ID(0) {
		t.Error("one ring id for two issuers")
	}
	for _, p := range profiles {
		mustRefuse(t, ours, p, seal(t, theirs, p, "x", noon), jose.ErrUnknownKey, noon)
		day := jose.Today(noon)
		renamed := craft(t, ours.Outer(0, p, day), theirs.ContentKey(0, p.Kind, day), []byte("x"))
		mustRefuse(t, ours, p, renamed, jose.ErrForged, noon)
	}
}

// Keys differ by kind, day, issuer and secret, and content keys differ from all
// others: no two of a sample are equal.
func TestKeysAreSeparate(t *testing.T) {
	seen := map[string]string{}
	add := func(key any, what string) {
		text := fmt.Sprintf("%x", key)
		if other, taken := seen[text]; taken {
			t.Errorf("%s has the key of %s", what, other)
		}
		seen[text] = what
	}
	for _, iss := range []string{issuer, issuer + "/", "http://localhost:8080"} {
		r := newRing(t, iss, secretA, secretB)
		for i := range 2 {
			for _, kind := range []string{"client", "code", "access", "client/1", "c"} {
				for _, day := range []int{0, 1, 11, 20000, 20001} {
					what := fmt.Sprint(iss, i, kind, day)
					add(r.ContentKey(i, kind, day), "content "+what)
					add(r.SigningKey(i, jose.Profile{Kind: kind, Sign: jose.HS256}, day), "mac "+what)
				}
			}
			add(r.SigningKey(i, access, 0), fmt.Sprint("ed25519 ", iss, i))
		}
	}
}

func TestFingerprint(t *testing.T) {
	ring := func(issuer string, secrets ...string) string { return newRing(t, issuer, secrets...).Fingerprint() }
	base := ring(issuer, secretA, secretB)
	if got := ring(issuer, secretA, secretB); got != base || len(got) != 16 {
		t.Errorf("fingerprints %q and %q of one ring", got, base)
	}
	for what, other := range map[string]string{
		"order":   ring(issuer, secretB, secretA),
		"secrets": ring(issuer, secretA),
		"issuer":  ring("http://localhost:8080", secretA, secretB),
	} {
		if other == base {
			t.Errorf("another %s does not change the fingerprint", what)
		}
	}
}

// Nothing that prints a secret or a ring shows a key, in any way of printing.
func TestNothingPrintsKeys(t *testing.T) {
	secrets, err := jose.ParseSecrets(secretB) // bytes 32 to 63: printable, so %s would show them
	if err != nil {
		t.Fatal(err)
	}
	r := newRing(t, issuer, secretB)
	seal(t, r, access, "x", noon) // so that the cache holds derived keys
	type config struct {
		Exported   []jose.Secret
		unexported jose.Secret
		ring       *jose.Ring
	}
	var out bytes.Buffer
	for _, v := range []any{secrets[0], &secrets[0], secrets, r, config{secrets, secrets[0], r}, map[string]any{"k": secrets[0]}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
	}
	day := jose.Today(noon)
	for _, key := range [][]byte{unb64(t, secretB), r.ContentKey(0, access.Kind, day), r.SigningKey(0, forever, day).([]byte)} {
		for _, verb := range []string{"%s", "%x", "%X", "%d", "%o", "%b", "%#v"} {
			shown := strings.Trim(fmt.Sprintf(verb, key[:8]), `[]`)
			shown = strings.TrimSuffix(strings.TrimPrefix(shown, "[]byte{"), "}")
			if strings.Contains(out.String(), shown) {
				t.Errorf("%s of a key is shown: %s", verb, shown)
			}
		}
		if strings.Contains(out.String(), b64(key)[:10]) {
			t.Error("the base64url of a key is shown")
		}
	}
}

// The cache of derived keys is bounded, whatever days the tokens are of, and a
// stranger's made-up day does not get into it.
func TestCacheIsBounded(t *testing.T) {
	minting, r := newRing(t, issuer, secretA), newRing(t, issuer, secretA)
	for i := range jose.CacheSize + 100 {
		then := noon.AddDate(0, 0, -i)
		token := seal(t, minting, forever, "x", then)
		mustOpen(t, r, forever, token, "x", noon)
		if !r.Holds(0, forever.Kind, jose.Today(then)) {
			t.Fatalf("the keys of day -%d are not kept", i)
		}
		if r.Cached() > jose.CacheSize {
			t.Fatalf("%d keys are kept after %d days", r.Cached(), i+1)
		}
	}
	before := r.Cached()
	forged := craft(t, r.Outer(0, forever, 7), make([]byte, 32), []byte("x"))
	mustRefuse(t, r, forever, forged, jose.ErrForged, noon)
	if r.Holds(0, forever.Kind, 7) || r.Cached() != before {
		t.Error("a forged token put keys into the cache")
	}
}

// Forged tokens of all the days there are take a bounded room, which is not that
// of the tokens that opened; and a token of any of those days opens all the same.
func TestForgeriesHaveTheirOwnRoom(t *testing.T) {
	minting, r := newRing(t, issuer, secretA), newRing(t, issuer, secretA)
	token := seal(t, minting, forever, "x", noon)
	mustOpen(t, r, forever, token, "x", noon)
	for i := range 3 * jose.CacheSize {
		then := noon.AddDate(0, 0, -i)
		forged := craft(t, r.Outer(0, forever, jose.Today(then)), make([]byte, 32), []byte("x"))
		mustRefuse(t, r, forever, forged, jose.ErrForged, noon)
		mustRefuse(t, r, forever, forged, jose.ErrForged, noon)
		if n := r.Suspected(); n > jose.CacheSize {
			t.Fatalf("%d headers of forgeries are kept after %d days", n, i+1)
		}
		if i%100 == 0 {
			mustOpen(t, r, forever, seal(t, minting, forever, "y", then), "y", noon)
		}
	}
	if !r.Holds(0, forever.Kind, jose.Today(noon)) {
		t.Error("the keys of today were turned out")
	}
	// A day that has become too old is refused although its keys are still there.
	forged := craft(t, r.Outer(0, sealed, jose.Today(noon)), make([]byte, 32), []byte("x"))
	mustRefuse(t, r, sealed, forged, jose.ErrForged, noon)
	mustRefuse(t, r, sealed, forged, jose.ErrUnknownKey, noon.AddDate(0, 0, 3))
	// No key is derived for what cannot open.
	before := r.Suspected()
	for _, day := range []int{-100, 2, 1000} {
		forged := craft(t, r.Outer(0, sealed, jose.Today(noon)+day), make([]byte, 32), []byte("x"))
		mustRefuse(t, r, sealed, forged, jose.ErrUnknownKey, noon)
	}
	if r.Suspected() != before {
		t.Error("keys were derived for days that are out of bounds")
	}
}

// Forged tokens are refused under headers that are kept and under those that are
// not, and put nothing into the cache of the openings, be their day the
// likeliest there is.
func TestForgeriesAreNotKept(t *testing.T) {
	r := newRing(t, issuer, secretA, secretB)
	for _, p := range profiles {
		for i := range 2 {
			for _, day := range []int{-1, 0, 1} {
				forged := craft(t, r.Outer(i, p, jose.Today(noon)+day), make([]byte, 32), []byte("x"))
				mustRefuse(t, r, p, forged, jose.ErrForged, noon)
			}
		}
	}
	if r.Cached() != 0 {
		t.Errorf("%d headers are kept of forgeries", r.Cached())
	}
	for _, p := range profiles { // sealed with the right key, signed with none
		if p.Sign != jose.None {
			day := jose.Today(noon)
			mustRefuse(t, r, p, craft(t, r.Outer(0, p, day), r.ContentKey(0, p.Kind, day), []byte("x.y.z")), jose.ErrMalformed, noon)
		}
	}
	if r.Cached() != 0 {
		t.Errorf("%d headers are kept of what was not signed", r.Cached())
	}
	for _, p := range profiles {
		genuine(t, r, p)
		forged := craft(t, r.Outer(0, p, jose.Today(noon)), make([]byte, 32), []byte("x"))
		mustRefuse(t, r, p, forged, jose.ErrForged, noon)
	}
	if r.Cached() != len(profiles) {
		t.Errorf("%d headers are kept of %d", r.Cached(), len(profiles))
	}
}

// A header that is kept opens only on the days of its kind.
func TestKeptHeadersGrowOld(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		token := genuine(t, r, p)
		for days := range 5 {
			later := noon.AddDate(0, 0, days)
			if p.Days == jose.AnyDay || days <= p.Days {
				mustOpen(t, r, p, token, `{"sub":"alice"}`, later)
			} else {
				mustRefuse(t, r, p, token, jose.ErrUnknownKey, later)
			}
		}
		mustRefuse(t, r, p, token, jose.ErrUnknownKey, noon.AddDate(0, 0, -2))
	}
}

// The payload is appended to what is there, and what is there is not touched,
// also when the token is refused.
func TestAppendOpen(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		token := seal(t, r, p, "payload", noon)
		for _, room := range []int{0, 3, 200} {
			dst := append(make([]byte, 0, len("here")+room), "here"...)
			got, err := r.AppendOpen(dst, p, token, noon)
			if err != nil || string(got) != "herepayload" {
				t.Errorf("%s: %q, %v", name(p), got, err)
			}
			got, err = r.AppendOpen(dst, p, token[:len(token)-1]+"_", noon)
			if err == nil || got != nil || string(dst) != "here" {
				t.Errorf("%s: refused with %v and %q, %q", name(p), err, got, dst)
			}
		}
	}
}

// What is returned is the caller's: later tokens do not write into it.
func TestResultsAreNotShared(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		payload := []byte("first payload")
		first, err := r.Seal(p, payload, noon)
		must(t, err)
		copied := strings.Clone(first)
		clear(payload)
		opened, err := r.Open(p, first, noon)
		must(t, err)
		for range 20 {
			mustOpen(t, r, p, seal(t, r, p, "another one..", noon), "another one..", noon)
		}
		if first != copied || string(opened) != "first payload" {
			t.Errorf("%s: %q has become %q, %q", name(p), copied, first, opened)
		}
	}
}

// A payload larger than any artifact is sealed and opened all the same.
func TestLargePayload(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		p.Max = 1 << 20
		payload := strings.Repeat("x", 100_000)
		mustOpen(t, r, p, seal(t, r, p, payload, noon), payload, noon)
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRing(t, issuer, secretA, secretB)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 25 {
				p, then := profiles[(g+i)%2], noon.AddDate(0, 0, -i%2)
				payload := fmt.Sprint(g, "-", i)
				token, err := r.Seal(p, []byte(payload), then)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := r.Open(p, token, noon); err != nil || string(got) != payload {
					t.Errorf("Open = %q, %v; want %q", got, err, payload)
				}
			}
		})
	}
	wg.Wait()
}

// Shared keys are the same at every replica, and others for another use, issuer
// or secret.
func TestSharedKeys(t *testing.T) {
	a, b := "u7Wl1b7b0x3k8d1bXQ0m3n0p9r2s5t8v-x_z1A2B3C4", "v7Wl1b7b0x3k8d1bXQ0m3n0p9r2s5t8v-x_z1A2B3C4"
	keys := func(issuer, list, use string) [][]byte {
		secrets, err := jose.ParseSecrets(list)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := jose.NewRing(issuer, secrets)
		if err != nil {
			t.Fatal(err)
		}
		return ring.SharedKeys(use)
	}
	rotating, rotated := keys("https://a.example", a+","+b, "relay"), keys("https://a.example", b+","+a, "relay")
	if len(rotating) != 2 || !bytes.Equal(rotating[0], rotated[1]) || !bytes.Equal(rotating[1], rotated[0]) {
		t.Error("replicas whose rings rotate do not understand each other")
	}
	seen := map[string]bool{}
	for _, k := range append(rotating, keys("https://b.example", a, "relay")[0], keys("https://a.example", a, "other")[0], jose.Derive(bytes.Repeat([]byte{1}, 32), "seal/session/1", "https://a.example", 32)) {
		if len(k) != 32 || seen[string(k)] {
			t.Errorf("a key of %d bytes, or one that is in use elsewhere", len(k))
		}
		seen[string(k)] = true
	}
}
