package jose_test

import (
	"bytes"
	"compress/flate"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jws"

	"mcp-oauth-server/crypto/jose"
)

// Headers other than the one of the profile, over a payload that is sealed with
// the right key: the strongest forger there is. Only the comparison of the
// header stands between each of these and an opened token.
func TestOtherHeadersAreRefused(t *testing.T) {
	r := newRing(t, issuer, secretA)
	day := jose.Today(noon)
	for _, p := range []jose.Profile{sealed, forever, access} {
		key := r.ContentKey(0, p.Kind, day)
		payload := []byte("x")
		if p.Sign != jose.None {
			payload = []byte(craftJWS(r.Inner(0, p), "x", r.SigningKey(0, p, day)))
		}
		header := r.Outer(0, p, day)
		mustOpen(t, r, p, craft(t, header, key, payload), "x", noon) // the control
		add := func(member string) string { return strings.Replace(header, "{", "{"+member+",", 1) }
		end := func(member string) string { return strings.TrimSuffix(header, "}") + "," + member + "}" }
		swap := func(old, now string) string { return strings.Replace(header, old, now, 1) }
		headers := map[string]string{
			"nothing":                  "",
			"no JSON":                  "x",
			"empty object":             "{}",
			"white space":              swap(`,"enc"`, `, "enc"`),
			"white space before":       " " + header,
			"newline after":            header + "\n",
			"another order":            `{"enc":"A256GCM",` + strings.Replace(header[1:], `"enc":"A256GCM",`, "", 1),
			"alg twice":                add(`"alg":"dir"`),
			"alg twice, another first": add(`"alg":"none"`),
			"alg twice, another last":  end(`"alg":"A256KW"`),
			"alg missing":              swap(`"alg":"dir",`, ""),
			"alg none":                 swap(`"dir"`, `"none"`),
			"alg A256KW":               swap(`"dir"`, `"A256KW"`),
			"alg RSA1_5":               swap(`"dir"`, `"RSA1_5"`),
			"alg PBES2":                swap(`"dir"`, `"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AAAA"`),
			"alg in capitals":          swap(`"alg"`, `"Alg"`),
			"alg escaped":              swap(`"alg"`, `"\u0061lg"`),
			"alg null":                 swap(`"dir"`, `null`),
			"enc A128CBC-HS256":        swap("A256GCM", "A128CBC-HS256"), // takes a key of 32 bytes too
			"enc A128GCM":              swap("A256GCM", "A128GCM"),
			"enc missing":              swap(`"enc":"A256GCM",`, ""),
			"zip":                      end(`"zip":"DEF"`),
			"crit":                     end(`"crit":["exp"],"exp":0`),
			"crit empty":               end(`"crit":[]`),
			"jwk":                      add(`"jwk":{"kty":"oct","k":"AAAA"}`),
			"jku":                      add(`"jku":"https://evil.example/keys"`),
			"x5u":                      add(`"x5u":"https://evil.example/cert"`),
			"x5c":                      add(`"x5c":["AAAA"]`),
			"an unknown member":        end(`"x":1`),
			"kid missing":              swap(`,"kid":"`+r.ID(0), `,"x":"`+r.ID(0)),
			"kid an array":             swap(`"kid":"`, `"kid":["x"],"x":"`),
			"null at the end":          header + "null",
			"two objects":              header + header,
			"NUL":                      header + "\x00",
			"escaped letter of kid":    swap(`"kid":"`, `"k\u0069d":"`),
		}
		if p.Sign == jose.None {
			headers["typ missing"] = swap(`,"typ":"`+p.Type+`"`, "")
			headers["typ of another kind"] = swap(p.Type, "mcp-state")
			headers["typ in capitals"] = swap(p.Type, strings.ToUpper(p.Type))
			headers["cty added"] = swap(`,"enc"`, `,"cty":"JWT","enc"`)
		} else {
			headers["cty missing"] = swap(`"cty":"JWT",`, "")
			headers["cty in lower case"] = swap(`"JWT"`, `"jwt"`)
			headers["typ instead"] = strings.TrimSuffix(swap(`"cty":"JWT",`, ""), "}") + `,"typ":"` + p.Type + `"}`
		}
		for what, h := range headers {
			t.Run(name(p)+"/"+what, func(t *testing.T) {
				if h == header {
					t.Fatal("the forgery is the genuine header")
				}
				mustRefuse(t, r, p, craft(t, h, key, payload), jose.ErrMalformed, noon)
			})
		}
	}
}

// The same from the library, where it is able to: each of these the library
// itself opens with the right key.
func TestTheLibrarysOtherProfilesAreRefused(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		key := r.ContentKey(0, p.Kind, jose.Today(noon))
		seals := map[string]string{
			"zip": jwxSeal(t, r, p, bytes.Repeat([]byte("a"), 500), jwe.WithCompress(jwa.Deflate)),
			"enc": jwxSeal(t, r, p, []byte("x"), jwe.WithContentEncryption(jwa.A128CBC_HS256)),
		}
		for what, token := range seals {
			if _, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, key)); err != nil {
				t.Errorf("%s/%s: the control does not open: %v", name(p), what, err)
			}
			mustRefuse(t, r, p, token, jose.ErrMalformed, noon)
		}
		wrapped, err := jwe.Encrypt([]byte("x"), jwe.WithKey(jwa.A256KW, key), jwe.WithContentEncryption(jwa.A256GCM))
		must(t, err)
		mustRefuse(t, r, p, string(wrapped), jose.ErrMalformed, noon)
		object, err := jwe.Encrypt([]byte("x"), jwe.WithKey(jwa.DIRECT, key), jwe.WithJSON())
		must(t, err)
		mustRefuse(t, r, p, string(object), jose.ErrMalformed, noon)
	}
}

// A compressed payload under the genuine header stays compressed: nothing in a
// token makes the vault inflate anything.
func TestNothingIsInflated(t *testing.T) {
	var bomb bytes.Buffer
	w, err := flate.NewWriter(&bomb, flate.BestCompression)
	must(t, err)
	_, err = w.Write(make([]byte, 1<<20))
	must(t, err)
	must(t, w.Close())
	r := newRing(t, issuer, secretA)
	token := craft(t, r.Outer(0, sealed, jose.Today(noon)), r.ContentKey(0, sealed.Kind, jose.Today(noon)), bomb.Bytes())
	mustOpen(t, r, sealed, token, bomb.String(), noon)
}

// Kinds are separate by their keys, and by their types where the keys would be
// the same.
func TestKindsAreSeparate(t *testing.T) {
	r := newRing(t, issuer, secretA)
	day := jose.Today(noon)
	for _, from := range profiles {
		token := genuine(t, r, from)
		for _, to := range profiles {
			if from == to {
				continue
			}
			mustRefuse(t, r, to, token, nil, noon)
			// With the header of the other kind forged on top of the own seal.
			inner, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT, r.ContentKey(0, from.Kind, day)))
			must(t, err)
			mustRefuse(t, r, to, craft(t, r.Outer(0, to, day), r.ContentKey(0, from.Kind, day), inner), nil, noon)
			if to.Sign != jose.None { // sealed anew with the other kind's key: the signature remains
				mustRefuse(t, r, to, craft(t, r.Outer(0, to, day), r.ContentKey(0, to.Kind, day), inner), nil, noon)
			}
		}
	}
	// Were two kinds ever given one key by mistake, the type still tells them apart.
	for _, p := range []jose.Profile{sealed, forever, access} {
		twin := p
		twin.Type = "mcp-twin"
		mustRefuse(t, r, twin, genuine(t, r, p), jose.ErrMalformed, noon)
	}
	// And a kind that is signed is not one that is sealed only.
	unsigned := forever
	unsigned.Sign = jose.None
	mustRefuse(t, r, unsigned, genuine(t, r, forever), jose.ErrMalformed, noon)
	mustRefuse(t, r, forever, genuine(t, r, unsigned), jose.ErrMalformed, noon)
}

// What is inside the seal must be the one JWS of the profile, also when a
// holder of the sealing key made it.
func TestOtherInsidesAreRefused(t *testing.T) {
	r := newRing(t, issuer, secretA, secretB)
	day := jose.Today(noon)
	private := r.SigningKey(0, access, day).(ed25519.PrivateKey)
	public := r.PublicKey(0, jose.EdDSA).(ed25519.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	mac := r.SigningKey(0, forever, day).([]byte)

	type inside struct {
		jws  string
		want error
	}
	own := r.Inner(0, access)
	good := craftJWS(own, "x", private)
	parts := strings.Split(good, ".")
	object, err := jws.Sign([]byte("x"), jws.WithKey(jwa.EdDSA, private), jws.WithJSON())
	must(t, err)
	insides := map[string]inside{
		"payload without signature": {"x", jose.ErrMalformed},
		"claims without signature":  {`{"sub":"root"}`, jose.ErrMalformed},
		"alg none":                  {b64([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + b64([]byte("x")) + ".", jose.ErrMalformed},
		"alg nOnE, signed":          {craftJWS(`{"alg":"nOnE","kid":"`+r.ID(0)+`","typ":"at+jwt"}`, "x", private), jose.ErrMalformed},
		"no signature":              {parts[0] + "." + parts[1] + ".", jose.ErrForged},
		"two parts":                 {parts[0] + "." + parts[1], jose.ErrMalformed},
		"four parts":                {good + ".", jose.ErrMalformed},
		"changed payload":           {parts[0] + "." + b64([]byte("y")) + "." + parts[2], jose.ErrForged},
		"HS256 of the public key":   {craftJWS(`{"alg":"HS256","kid":"`+r.ID(0)+`","typ":"at+jwt"}`, "x", []byte(public)), jose.ErrMalformed},
		"HS256 of its DER":          {craftJWS(own, "x", spki), jose.ErrForged},
		"HS256 under our header":    {craftJWS(own, "x", []byte(public)), jose.ErrForged},
		"the kind's own HMAC key":   {craftJWS(`{"alg":"HS256","typ":"at+jwt"}`, "x", r.SigningKey(0, jose.Profile{Kind: access.Kind, Sign: jose.HS256}, day)), jose.ErrMalformed},
		"another secret's key":      {craftJWS(own, "x", r.SigningKey(1, access, day)), jose.ErrForged},
		"another secret's kid":      {craftJWS(r.Inner(1, access), "x", r.SigningKey(1, access, day)), jose.ErrMalformed},
		"kid missing":               {craftJWS(`{"alg":"EdDSA","typ":"at+jwt"}`, "x", private), jose.ErrMalformed},
		"typ JWT":                   {craftJWS(strings.Replace(own, "at+jwt", "JWT", 1), "x", private), jose.ErrMalformed},
		"typ missing":               {craftJWS(strings.Replace(own, `,"typ":"at+jwt"`, "", 1), "x", private), jose.ErrMalformed},
		"typ with a prefix":         {craftJWS(strings.Replace(own, "at+jwt", "application/at+jwt", 1), "x", private), jose.ErrMalformed},
		"an extra member":           {craftJWS(strings.Replace(own, "{", `{"x":1,`, 1), "x", private), jose.ErrMalformed},
		"crit":                      {craftJWS(strings.Replace(own, "{", `{"crit":["x"],"x":1,`, 1), "x", private), jose.ErrMalformed},
		"b64 false":                 {craftJWS(strings.Replace(own, "{", `{"b64":false,"crit":["b64"],`, 1), "x", private), jose.ErrMalformed},
		"jwk":                       {craftJWS(strings.Replace(own, "{", `{"jwk":{"kty":"OKP"},`, 1), "x", private), jose.ErrMalformed},
		"white space in the header": {craftJWS(own+" ", "x", private), jose.ErrMalformed},
		"stray bits":                {parts[0] + "." + parts[1] + "." + strayBits(parts[2]), jose.ErrMalformed},
		"padding":                   {good + "==", jose.ErrMalformed},
		"newline":                   {good + "\n", jose.ErrMalformed},
		"JSON serialization":        {string(object), jose.ErrMalformed},
		"a sealed token again":      {genuine(t, r, access), jose.ErrMalformed},
		"nothing but dots":          {"..", jose.ErrMalformed},
	}
	mustOpen(t, r, access, jwxEncrypt(t, r, access, []byte(good)), "x", noon) // the control
	for what, in := range insides {
		t.Run(what, func(t *testing.T) {
			mustRefuse(t, r, access, jwxEncrypt(t, r, access, []byte(in.jws)), in.want, noon)
		})
	}

	good = craftJWS(r.Inner(0, forever), "x", mac)
	mustOpen(t, r, forever, jwxEncrypt(t, r, forever, []byte(good)), "x", noon)
	for what, in := range map[string]inside{
		"alg none":         {b64([]byte(`{"alg":"none","typ":"mcp-client"}`)) + "." + b64([]byte("x")) + ".", jose.ErrMalformed},
		"half a MAC":       {good[:len(good)-23], jose.ErrForged},
		"the content key":  {craftJWS(r.Inner(0, forever), "x", r.ContentKey(0, forever.Kind, day)), jose.ErrForged},
		"yesterday's key":  {craftJWS(r.Inner(0, forever), "x", r.SigningKey(0, forever, day-1)), jose.ErrForged},
		"an added kid":     {craftJWS(`{"alg":"HS256","kid":"`+r.ID(0)+`","typ":"mcp-client"}`, "x", mac), jose.ErrMalformed},
		"HS512 by name":    {craftJWS(`{"alg":"HS512","typ":"mcp-client"}`, "x", mac), jose.ErrMalformed},
		"the type of code": {craftJWS(`{"alg":"HS256","typ":"mcp-code"}`, "x", mac), jose.ErrMalformed},
	} {
		t.Run("HS256/"+what, func(t *testing.T) {
			mustRefuse(t, r, forever, jwxEncrypt(t, r, forever, []byte(in.jws)), in.want, noon)
		})
	}
}

// ECDSA has forgeries of its own.
func TestES256ForgeriesAreRefused(t *testing.T) {
	r := newRing(t, issuer, secretA)
	good := jwxSign(t, ecdsa, r.SigningKey(0, ecdsa, jose.Today(noon)), r.ID(0), []byte("x"))
	mustOpen(t, r, ecdsa, jwxEncrypt(t, r, ecdsa, good), "x", noon) // the control
	parts := strings.Split(string(good), ".")
	signature := unb64(t, parts[2])
	half := len(signature) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])})
	must(t, err)
	for what, s := range map[string][]byte{
		"r and s are zero": make([]byte, 64),
		"r is zero":        append(make([]byte, 32), signature[half:]...),
		"s is zero":        append(signature[:half:half], make([]byte, 32)...),
		"swapped":          append(signature[half:len(signature):len(signature)], signature[:half]...),
		"in ASN.1":         der,
		"with a zero more": append([]byte{0}, signature...),
		"cut":              signature[:63],
		"empty":            nil,
	} {
		forged := parts[0] + "." + parts[1] + "." + b64(s)
		t.Run(what, func(t *testing.T) {
			mustRefuse(t, r, ecdsa, jwxEncrypt(t, r, ecdsa, []byte(forged)), jose.ErrForged, noon)
		})
	}
}
