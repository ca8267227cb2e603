package upstreamtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Signature is how ID tokens are signed.
type Signature string

// The signatures that prove nothing.
const (
	WrongKey       Signature = "by a key that is not in the key set, under the id of one that is"
	UnknownKey     Signature = "by a key that is not in the key set, under an id of its own"
	AlgNone        Signature = "alg none, no signature"
	HMACSecret     Signature = "HS256 with the client secret"
	HMACPublicKey  Signature = "HS256 with the provider's public key"
	BrokenByOneBit Signature = "right but for one bit"
)

// idToken mints an ID token for the fixed user (OpenID Connect Core §2), with at_hash.
func (s *Server) idToken(nonce, accessToken string) string {
	half := sha256.Sum256([]byte(accessToken))
	now := time.Now()
	claims := map[string]any{
		"iss": s.Issuer, "aud": s.ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"nonce": nonce, "at_hash": base64.RawURLEncoding.EncodeToString(half[:16]),
	}
	maps.Copy(claims, user())
	faults := s.current()
	if faults.Claims != nil {
		faults.Claims(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // A test put something into the claims that is not JSON.
	}
	s.mu.Lock()
	key := s.keys[len(s.keys)-1]
	s.mu.Unlock()
	return s.sign(payload, key, faults.Signature)
}

func (s *Server) sign(payload []byte, key signingKey, how Signature) string {
	switch how { //nolint:exhaustive // the others are signed as they should be
	case AlgNone:
		return segment([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + segment(payload) + "."
	case HMACSecret:
		return compact(payload, jose.HS256, hmacKey([]byte(s.ClientSecret)), key.id)
	case HMACPublicKey:
		der, _ := x509.MarshalPKIXPublicKey(&key.private.PublicKey)
		return compact(payload, jose.HS256, der, key.id)
	case WrongKey, UnknownKey:
		other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		id := key.id
		if how == UnknownKey {
			id = rand.Text()
		}
		return compact(payload, jose.ES256, other, id)
	}
	token := []byte(compact(payload, jose.ES256, key.private, key.id))
	if how == BrokenByOneBit {
		i := len(token) - 40
		token[i] = map[bool]byte{true: 'B', false: 'A'}[token[i] == 'A']
	}
	return string(token)
}

func compact(payload []byte, algorithm jose.SignatureAlgorithm, key any, id string) string {
	options := (&jose.SignerOptions{}).WithHeader("kid", id).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

// hmacKey pads a secret to the 32 bytes go-jose wants of an HS256 key; HMAC itself pads with zeros too.
func hmacKey(secret []byte) []byte { return append(secret, make([]byte, max(0, 32-len(secret)))...) }

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// keySet publishes the public keys (RFC 7517 §5).
func (s *Server) keySet(w http.ResponseWriter, _ *http.Request) {
	keys := []any{}
	s.mu.Lock()
	for _, k := range s.keys {
		keys = append(keys, jose.JSONWebKey{Key: &k.private.PublicKey, KeyID: k.id, Algorithm: string(jose.ES256), Use: "sig"})
	}
	change := s.faults.KeySet
	s.mu.Unlock()
	if change != nil {
		keys = change(keys)
	}
	reply(w, http.StatusOK, map[string]any{"keys": keys})
}
