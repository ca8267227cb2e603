package jose_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mcp-oauth-server/crypto/jose"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

// golden compares with a file of testdata. A file of a released version is
// never rewritten, not even with -update: other replicas hold those keys.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	want, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		must(t, os.WriteFile(path, got, 0o644))
		return
	}
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("%s is not what this ring publishes any more, so every running deployment would lose its keys.\ngot  %s\nwant %s", path, got, want)
	}
}

// The key derivation is part of the format: the same secrets give the same
// public keys for ever.
func TestJWKSGolden(t *testing.T) {
	r := newRing(t, issuer, secretA, secretB)
	for _, alg := range []jose.Algorithm{jose.EdDSA, jose.ES256} {
		document, err := r.JWKS(alg)
		must(t, err)
		golden(t, "jwks-v1-"+string(alg)+".json", append(document, '\n'))
	}
}

// The document shows what RFC 7517 §4 and RFC 8037 §2 ask of a signing key and
// nothing else, least of all a private part.
func TestJWKSMembers(t *testing.T) {
	r := newRing(t, issuer, secretA, secretB)
	for alg, want := range map[jose.Algorithm]map[string]string{
		jose.EdDSA: {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig"},
		jose.ES256: {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"},
	} {
		document, err := r.JWKS(alg)
		must(t, err)
		var set struct{ Keys []map[string]any }
		must(t, json.Unmarshal(document, &set))
		if len(set.Keys) != 2 {
			t.Fatalf("%s: %d keys of 2 secrets", alg, len(set.Keys))
		}
		for i, key := range set.Keys {
			if key["kid"] != r.ID(i) {
				t.Errorf("%s: key %d is %v, want %s: the ring's order", alg, i, key["kid"], r.ID(i))
			}
			for member, value := range want {
				if key[member] != value {
					t.Errorf("%s: %s is %v, want %s", alg, member, key[member], value)
				}
			}
			for member := range key {
				if !slices.Contains([]string{"kty", "crv", "alg", "use", "kid", "x", "y"}, member) {
					t.Errorf("%s: member %s has no place in a public key", alg, member)
				}
			}
		}
	}
}

// A set without keys is still a set: `keys` is an array, not null.
func TestJWKSWithoutPublicKeys(t *testing.T) {
	document, err := newRing(t, issuer, secretA).JWKS(jose.HS256)
	if err != nil || string(document) != `{"keys":[]}` {
		t.Errorf("JWKS of HS256 = %s, %v", document, err)
	}
}
