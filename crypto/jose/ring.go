package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
)

// SecretSize is the length of a generated secret and the least length of an
// accepted one, in bytes.
const SecretSize = 32

// documentedSecret stands in the documentation as an example. Whoever copies
// it has a key ring that the whole world holds.
const documentedSecret = "Zm9yLWRvY3VtZW50YXRpb24tb25seS0tLWRvLW5vdC0" //nolint:gosec // refused, never used

// Secret is the root of one generation of keys. It never prints itself. The
// bytes are behind a function because fmt looks into the unexported fields of a
// struct around it without asking its methods; of a function it sees an address.
type Secret struct{ bytes func() []byte }

const redactedSecret = "secret(redacted)"

// String keeps a secret out of whatever asks for text.
func (Secret) String() string { return redactedSecret }

// Format keeps a secret out of every verb of fmt, %d and %#v among them.
func (Secret) Format(s fmt.State, _ rune) { io.WriteString(s, redactedSecret) }

// LogValue keeps a secret out of slog's handlers.
func (Secret) LogValue() slog.Value { return slog.StringValue(redactedSecret) }

// NewSecret returns a fresh secret in the form that ParseSecrets reads:
// 32 random bytes, base64url without padding (43 characters).
func NewSecret() string {
	b := make([]byte, SecretSize)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseSecrets reads a list of secrets separated by commas, spaces or newlines.
// Both base64 alphabets are read, padded or not, so that the output of
// `openssl rand -base64 32` is as good as that of `keys new`. Errors name the
// position of a bad secret, never its text.
func ParseSecrets(list string) ([]Secret, error) {
	fields := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	if len(fields) == 0 {
		return nil, errors.New("the list of secrets is empty")
	}
	secrets := make([]Secret, 0, len(fields))
	seen := make(map[string]int, len(fields))
	for i, f := range fields {
		b, err := parseSecret(f)
		if err != nil {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(fields), err)
		}
		if first, dup := seen[string(b)]; dup {
			return nil, fmt.Errorf("secret %d of %d: is the same as secret %d", i+1, len(fields), first)
		}
		seen[string(b)] = i + 1
		secrets = append(secrets, Secret{func() []byte { return b }})
	}
	return secrets, nil
}

func parseSecret(s string) ([]byte, error) {
	canonical := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawURLEncoding.DecodeString(canonical)
	if err != nil {
		return nil, errors.New("is not base64url; make one with `mcp-oauth-server keys new`")
	}
	// Compared as it is spelled canonically: stray bits at the end would
	// otherwise make another text of the same secret.
	if base64.RawURLEncoding.EncodeToString(b) == documentedSecret {
		return nil, errors.New("is the example from the documentation; make one with `mcp-oauth-server keys new`")
	}
	if len(b) < SecretSize {
		return nil, fmt.Errorf("has %d bytes, needs at least %d; make one with `mcp-oauth-server keys new`", len(b), SecretSize)
	}
	if strings.Count(string(b), string(b[:1])) == len(b) {
		return nil, errors.New("is one byte repeated; make one with `mcp-oauth-server keys new`")
	}
	return b, nil
}

// Ring holds the keys of one deployment. It is immutable but for its caches and
// safe for concurrent use; a reload builds a new one.
type Ring struct {
	issuer   string
	members  []*member
	minting  cache[issue]
	opening  cache[letterhead]
	suspects suspects
}

// member is one secret of the ring with what does not change by the day.
type member struct {
	root    []byte // extracted from the secret (RFC 5869 §2.2)
	id      string // public name of the secret: the first half of a kid
	ed25519 ed25519.PrivateKey
	es256   *ecdsa.PrivateKey
}

// NewRing derives the keys of the given secrets for one issuer (the configured
// public URL of the server; changing it ends every artifact ever issued).
func NewRing(issuer string, secrets []Secret) (*Ring, error) {
	if issuer == "" || len(secrets) == 0 {
		return nil, errors.New("a key ring needs an issuer and at least one secret")
	}
	r := &Ring{issuer: issuer}
	for _, s := range secrets {
		if s.bytes == nil {
			return nil, errors.New("a secret of the key ring is empty")
		}
		m, err := newMember(issuer, s.bytes())
		if err != nil {
			return nil, err
		}
		if _, taken := r.member(m.id); taken {
			return nil, errors.New("two secrets of the ring have the same id; replace one of them")
		}
		r.members = append(r.members, m)
	}
	return r, nil
}

func newMember(issuer string, secret []byte) (*member, error) {
	root := extract(secret)
	id := base64.RawURLEncoding.EncodeToString(derive(root, "id", issuer, 6))
	es256, err := ecdsaKey(derive(root, "sign/ES256", issuer, 48))
	if err != nil {
		return nil, fmt.Errorf("deriving the ES256 key: %w", err)
	}
	return &member{
		root:    root,
		id:      id,
		ed25519: ed25519.NewKeyFromSeed(derive(root, "sign/EdDSA", issuer, ed25519.SeedSize)),
		es256:   es256,
	}, nil
}

func (r *Ring) member(id string) (*member, bool) {
	for _, m := range r.members {
		if m.id == id {
			return m, true
		}
	}
	return nil, false
}

// Fingerprint names the ring without telling anything of it: replicas that show
// different fingerprints do not understand each other. It covers the secrets,
// their order (the first one mints) and the issuer. 16 hexadecimal digits.
func (r *Ring) Fingerprint() string {
	h := sha256.New()
	for _, m := range r.members {
		h.Write(derive(m.root, "fingerprint", r.issuer, sha256.Size))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Format shows the fingerprint for every verb of fmt: a ring holds keys in plain
// memory, and %+v of it would print them.
func (r *Ring) Format(s fmt.State, _ rune) { io.WriteString(s, "ring("+r.Fingerprint()+")") }

// LogValue shows the fingerprint in logs.
func (r *Ring) LogValue() slog.Value { return slog.StringValue("ring(" + r.Fingerprint() + ")") }

// SharedKeys derives 32-byte keys for a use outside artifacts, which replicas
// have in common: one per secret, the first for making, all for checking. use
// names it and must be like no other.
func (r *Ring) SharedKeys(use string) [][]byte {
	keys := make([][]byte, len(r.members))
	for i, m := range r.members {
		keys[i] = derive(m.root, "shared/"+use, r.issuer, 32)
	}
	return keys
}

// extract is the first half of HKDF, done once for each secret.
func extract(secret []byte) []byte {
	root, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		panic("jose: hkdf: " + err.Error()) // only where FIPS 140 forbids a short secret
	}
	return root
}

// derive is the one place where keys come from: the second half of HKDF. use
// holds no newline and the issuer stands last, so two different uses cannot have
// the same info.
func derive(root []byte, use, issuer string, size int) []byte {
	key, err := hkdf.Expand(sha256.New, root, "mcp-oauth-server/v1\n"+use+"\n"+issuer, size)
	if err != nil {
		panic("jose: hkdf: " + err.Error()) // only for sizes above 8,160 bytes
	}
	return key
}

// ecdsaKey maps 48 uniform bytes to a P-256 private key: reduced modulo n-1 and
// incremented, which leaves a bias below 2^-128 (FIPS 186-5 §A.2.1).
func ecdsaKey(uniform []byte) (*ecdsa.PrivateKey, error) {
	n1 := new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(1))
	d := new(big.Int).Mod(new(big.Int).SetBytes(uniform), n1)
	d.Add(d, big.NewInt(1))
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
}
