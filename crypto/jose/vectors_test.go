package jose_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jws"

	"mcp-oauth-server/crypto/jose"
)

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hkdfSHA256 is RFC 5869 §2 written down once more, so that the derivation of
// the ring is checked against something that is not itself.
func hkdfSHA256(secret, salt, info []byte, size int) []byte {
	sum := func(key []byte, parts ...[]byte) []byte {
		mac := hmac.New(sha256.New, key)
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	if len(salt) == 0 {
		salt = make([]byte, sha256.Size)
	}
	prk := sum(salt, secret)
	var out, block []byte
	for i := byte(1); len(out) < size; i++ {
		block = sum(prk, block, info, []byte{i})
		out = append(out, block...)
	}
	return out[:size]
}

func TestDerivationIsRFC5869(t *testing.T) {
	ikm := bytes.Repeat([]byte{0x0b}, 22)
	vectors := []struct{ name, salt, info, okm string }{
		{
			"A.1", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		},
		{"A.3", "", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	}
	for _, v := range vectors {
		if got := hkdfSHA256(ikm, unhex(t, v.salt), unhex(t, v.info), 42); hex.EncodeToString(got) != v.okm {
			t.Fatalf("%s: the test's own HKDF gives %x", v.name, got)
		}
	}
	secret := unb64(t, secretA)
	for _, size := range []int{6, 32, 48} {
		want := hkdfSHA256(secret, nil, []byte("mcp-oauth-server/v1\nseal/code/20526\n"+issuer), size)
		if got := jose.Derive(secret, "seal/code/20526", issuer, size); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %x, want %x", size, got, want)
		}
	}
}

// The example of RFC 8037 appendix A.4 is what an EdDSA signature of ours looks
// like but for the header. Ed25519 is deterministic, so the bytes must be equal.
func TestEdDSAVector(t *testing.T) {
	const (
		d       = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
		x       = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
		token   = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
		payload = "Example of Ed25519 signing"
	)
	private := ed25519.NewKeyFromSeed(unb64(t, d))
	if got := b64(private.Public().(ed25519.PublicKey)); got != x {
		t.Fatalf("public key %s, want %s", got, x)
	}
	if got := craftJWS(`{"alg":"EdDSA"}`, payload, private); got != token {
		t.Errorf("the tests' signer gives %s", got)
	}
	got, err := jws.Verify([]byte(token), jws.WithKey(jwa.EdDSA, private.Public()))
	if err != nil || string(got) != payload {
		t.Errorf("the library verifies the vector as %q, %v", got, err)
	}
	// And our own signing is the vector's with our header.
	signed, err := jose.Sign(access, private, nil, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	if want := craftJWS(`{"alg":"EdDSA","kid":"","typ":"at+jwt"}`, payload, private); string(signed) != want {
		t.Errorf("signed %s, want %s", signed, want)
	}
}

// RFC 7515 appendix A.1: HS256, with white space in header and payload.
func TestHS256Vector(t *testing.T) {
	const (
		token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
		k     = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	)
	key := unb64(t, k)
	payload := "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
	if got := craftJWS("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", payload, key); got != token {
		t.Errorf("the tests' signer gives %s", got)
	}
	got, err := jws.Verify([]byte(token), jws.WithKey(jwa.HS256, key))
	if err != nil || string(got) != payload {
		t.Errorf("the library verifies the vector as %q, %v", got, err)
	}
	signed, err := jose.Sign(forever, nil, key, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	if want := craftJWS(`{"alg":"HS256","typ":"mcp-client"}`, payload, key); string(signed) != want {
		t.Errorf("signed %s, want %s", signed, want)
	}
}

// RFC 7520 §5.6: "dir" with AES-GCM, as ours but with 128 bits. The library
// opens it, and it opens nothing here.
func TestDirectEncryptionVector(t *testing.T) {
	const (
		token = "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJlbmMiOiJBMTI4R0NNIn0..refa467QzzKx6QAB." +
			"JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7YhLpT1bjFuvZPjQS-m0IFtVcXkZXdH_lr_FrdYt9HRUYkshtrMmIUAyGmUnd9zMDB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE-Nceb4h3-FtBP-c_BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMVi1gPD9yxi-aQpGbSv_F9N4IZAxscj5g-NJsUPbjk29-s7LJAGb15wEBtXphVCgyy53CoIKLHHeJHXex45Uz9aKZSRSInZI-wjsY0yu3cT4_aQ3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TTnp." +
			"vbb32Xvllea2OtmHAdccRQ"
		k = "XctOhJAkA-pD9Lh7ZgW_2A"
	)
	got, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, unb64(t, k)))
	if err != nil || !strings.HasPrefix(string(got), "You can trust us to stick with you through thick and thin") {
		t.Errorf("the library opens the vector as %q, %v", got, err)
	}
	for _, p := range profiles {
		mustRefuse(t, newRing(t, issuer, secretA), p, token, jose.ErrMalformed, noon)
	}
}
