package jose_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/jose"
)

const issuer = "https://mcp.example.com"

// Two fixed secrets: the bytes 0 to 31 and 32 to 63.
var (
	secretA = fixedSecret(0)
	secretB = fixedSecret(32)
	noon    = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
)

// One profile of each shape.
var (
	sealed  = jose.Profile{Kind: "ticket", Type: "mcp-ticket", Days: 1, Max: 8192}
	forever = jose.Profile{Kind: "client", Type: "mcp-client", Sign: jose.HS256, Days: jose.AnyDay, Max: 2048}
	access  = jose.Profile{Kind: "access", Type: "at+jwt", Sign: jose.EdDSA, Days: 1, Max: 4096}
	ecdsa   = jose.Profile{Kind: "access", Type: "at+jwt", Sign: jose.ES256, Days: 1, Max: 4096}

	profiles = []jose.Profile{sealed, forever, access, ecdsa}
)

func name(p jose.Profile) string { return p.Kind + "-" + string(p.Sign) }

func fixedSecret(first byte) string {
	b := make([]byte, 32)
	for i := range b {
		b[i] = first + byte(i)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func newRing(t testing.TB, issuer string, secrets ...string) *jose.Ring {
	t.Helper()
	parsed, err := jose.ParseSecrets(strings.Join(secrets, ","))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := jose.NewRing(issuer, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func seal(t testing.TB, r *jose.Ring, p jose.Profile, payload string, now time.Time) string {
	t.Helper()
	token, err := r.Seal(p, []byte(payload), now)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func mustOpen(t testing.TB, r *jose.Ring, p jose.Profile, token, want string, now time.Time) {
	t.Helper()
	got, err := r.Open(p, token, now)
	if err != nil || string(got) != want {
		t.Errorf("%s: Open = %q, %v; want %q", name(p), got, err, want)
	}
}

func mustRefuse(t testing.TB, r *jose.Ring, p jose.Profile, token string, want error, now time.Time) {
	t.Helper()
	switch payload, err := r.Open(p, token, now); {
	case err == nil:
		t.Errorf("%s: opened %q as %q", name(p), token, payload)
	case want != nil && !errors.Is(err, want):
		t.Errorf("%s: Open = %v, want %v, of %q", name(p), err, want, token)
	case payload != nil:
		t.Errorf("%s: payload %q beside the error %v", name(p), payload, err)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// craft seals payload with the right key under a header of the caller's choice,
// using nothing but the standard library: what a forger would send who had the
// key, so that only the rules about spelling and headers can refuse it.
func craft(t testing.TB, header string, key, payload []byte) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, gcm.NonceSize())
	rand.Read(iv)
	protected := b64([]byte(header))
	out := gcm.Seal(nil, iv, payload, []byte(protected)) // RFC 7516 §5.1: the AAD is the encoded header
	text, tag := out[:len(out)-16], out[len(out)-16:]
	return protected + ".." + b64(iv) + "." + b64(text) + "." + b64(tag)
}

// craftJWS signs like craft seals. key is an HMAC key or an Ed25519 private key.
func craftJWS(header, payload string, key any) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	switch key := key.(type) {
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		return input + "." + b64(mac.Sum(nil))
	case ed25519.PrivateKey:
		return input + "." + b64(ed25519.Sign(key, []byte(input)))
	default:
		panic(fmt.Sprintf("no signature with a %T", key))
	}
}
