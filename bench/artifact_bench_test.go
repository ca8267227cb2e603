package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

// letter is one artifact with its two verbs.
type letter struct {
	name string
	mint func() (string, error)
	open func(token string) error
}

// letters are the artifacts of a usual deployment, filled as Cursor fills them.
func letters(v *artifact.Vault) []letter {
	var (
		client  = artifact.DigestOf("client")
		request = artifact.AuthorizationRequest{
			Client: client, RedirectURI: redirectURI, State: "9f1c0c9a-6a7c-4a57-8d0d-9c7d0f5b1a11",
			Challenge: challenge, Scope: "mcp:tools", Resource: serverURL + "/sse",
		}
		registration = artifact.ClientRegistration{Name: "Cursor", RedirectURIs: []string{"cursor://anysphere.cursor-mcp/oauth/callback"}}
		ticket       = artifact.ConsentTicket{AuthorizationRequest: request, ClientName: "Cursor", CSRF: client}
		state        = artifact.UpstreamState{AuthorizationRequest: request, Flow: client, Secret: artifact.NewSecret()}
		code         = artifact.AuthorizationCode{
			User: subject, Client: client, RedirectURI: client, Challenge: challenge, Scope: "mcp:tools", Resource: serverURL + "/sse",
		}
		access = artifact.AccessToken{
			User: subject, Issuer: serverURL, Audience: serverURL + "/sse", Client: client, Scope: "mcp:tools", Family: artifact.NewID(),
		}
		refresh = artifact.RefreshToken{
			User: subject, Client: client, Scope: "mcp:tools", Resource: serverURL + "/sse", Family: artifact.NewID(),
		}
		session = artifact.Session{Subject: subject.Subject, Client: client, Protocol: "2025-11-25"}
		stream  = artifact.Stream{ID: artifact.NewID(), Subject: subject.Subject, Client: client}
	)
	return []letter{
		{
			"ClientRegistration", bind(artifact.NewSealer[artifact.ClientRegistration](v).Seal, registration),
			only(artifact.NewOpener[artifact.ClientRegistration](v).Open),
		},
		{
			"ConsentTicket", bind(artifact.NewSealer[artifact.ConsentTicket](v).Seal, ticket),
			only(artifact.NewOpener[artifact.ConsentTicket](v).Open),
		},
		{
			"UpstreamState", bind(artifact.NewSealer[artifact.UpstreamState](v).Seal, state),
			only(artifact.NewOpener[artifact.UpstreamState](v).Open),
		},
		{
			"AuthorizationCode", bind(artifact.NewSealer[artifact.AuthorizationCode](v).Seal, code),
			only(artifact.NewOpener[artifact.AuthorizationCode](v).Open),
		},
		{
			"AccessToken", bind(artifact.NewSealer[artifact.AccessToken](v).Seal, access),
			only(artifact.NewOpener[artifact.AccessToken](v).Open),
		},
		{
			"RefreshToken", bind(artifact.NewSealer[artifact.RefreshToken](v).Seal, refresh),
			only(artifact.NewOpener[artifact.RefreshToken](v).Open),
		},
		{
			"Session", bind(artifact.NewSealer[artifact.Session](v).Seal, session),
			only(artifact.NewOpener[artifact.Session](v).Open),
		},
		{
			"Stream", bind(artifact.NewSealer[artifact.Stream](v).Seal, stream),
			only(artifact.NewOpener[artifact.Stream](v).Open),
		},
	}
}

func bind[T any](seal func(T) (string, error), a T) func() (string, error) {
	return func() (string, error) { return seal(a) }
}

func only[T any](open func(string) (T, error)) func(string) error {
	return func(token string) error {
		_, err := open(token)
		return err
	}
}

// BenchmarkMint mints each artifact; chars is how long it is.
func BenchmarkMint(b *testing.B) {
	for _, l := range letters(newVault(b)) {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			var token string
			for b.Loop() {
				var err error
				if token, err = l.mint(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(token)), "chars")
		})
	}
}

// BenchmarkOpen opens each artifact.
func BenchmarkOpen(b *testing.B) {
	for _, l := range letters(newVault(b)) {
		b.Run(l.name, func(b *testing.B) {
			token, err := l.mint()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := l.open(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAccessToken mints and opens the access token with each signature
// that ACCESS_TOKEN_ALG may name.
func BenchmarkAccessToken(b *testing.B) {
	for _, alg := range []jose.Algorithm{jose.EdDSA, jose.ES256, jose.HS256} {
		v := newVault(b)
		v.Algorithm = alg
		access := letters(v)[4]
		b.Run("Mint/"+string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := access.mint(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("Open/"+string(alg), func(b *testing.B) {
			token, err := access.mint()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := access.open(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse is what a stranger can make the server do with one bearer:
// one whose seal is wrong, one of a day that nothing was minted on, one of a key
// that is not in the ring, and garbage.
func BenchmarkRefuse(b *testing.B) {
	access, foreign := letters(newVault(b))[4], letters(newVault(b))[4]
	for name, refused := range map[string]string{
		"Forged":   forged(b, access),
		"Tomorrow": ofTomorrow(b, access),
		"Foreign":  mustMint(b, foreign),
		"Garbage":  strings.Repeat("A", 750),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if access.open(refused) == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

// ofTomorrow is a token of l whose header names the next day.
func ofTomorrow(b *testing.B, l letter) string {
	b.Helper()
	encoded, rest, _ := strings.Cut(mustMint(b, l), ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		b.Fatal(err)
	}
	today := int(time.Now().Unix() / 86400)
	changed := strings.Replace(string(header), fmt.Sprintf(".%d\"", today), fmt.Sprintf(".%d\"", today+1), 1)
	if changed == string(header) {
		b.Fatalf("no day in %s", header)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + rest
}

// BenchmarkFloor is the cryptography of one artifact and nothing else: no JSON,
// no base64, no headers. 600 bytes are the inside of an access token.
func BenchmarkFloor(b *testing.B) {
	message := make([]byte, 600)
	rand.Read(message)
	run := func(name string, op func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}

	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signature := ed25519.Sign(private, message)
	run("Ed25519Sign", func() { ed25519.Sign(private, message) })
	run("Ed25519Verify", func() {
		if !ed25519.Verify(public, message, signature) {
			b.Fatal("refused")
		}
	})

	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, curve, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	run("ES256Sign", func() {
		if _, _, err := ecdsa.Sign(rand.Reader, curve, digest[:]); err != nil {
			b.Fatal(err)
		}
	})
	run("ES256Verify", func() {
		if !ecdsa.Verify(&curve.PublicKey, digest[:], r, s) {
			b.Fatal("refused")
		}
	})

	block, err := aes.NewCipher(message[:32])
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	nonce, header := make([]byte, aead.NonceSize()), message[:80]
	out := make([]byte, 0, len(message)+aead.Overhead())
	run("A256GCMSeal", func() {
		rand.Read(nonce)
		out = aead.Seal(out[:0], nonce, message, header)
	})
	sealed := aead.Seal(nil, nonce, message, header)
	plain := make([]byte, 0, len(message))
	run("A256GCMOpen", func() {
		if _, err := aead.Open(plain[:0], nonce, sealed, header); err != nil {
			b.Fatal(err)
		}
	})

	mac, sum := hmac.New(sha256.New, message[:32]), make([]byte, 0, sha256.Size)
	run("HMACSHA256", func() {
		mac.Reset()
		mac.Write(message)
		sum = mac.Sum(sum[:0])
	})
}
