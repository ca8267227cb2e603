package artifact_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	strict "github.com/go-json-experiment/json"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

// golden is a file of artifacts that a version of this server once minted, with
// all it takes to open them.
type golden struct {
	Secrets   string
	Issuer    string
	Now       time.Time
	Artifacts []goldenArtifact
}

type goldenArtifact struct {
	Kind      string
	Algorithm jose.Algorithm // of the access token
	Token     string
	Payload   string
}

// What a released version minted is in the hands of clients: registrations for
// ever. Every later version must read the same out of it. Files are never
// rewritten; a new format version gets a new file beside the old ones.
func TestGoldenArtifactsStillOpen(t *testing.T) {
	if *update {
		writeGolden(t, kinds[:9], "artifacts-v1.json")
		writeGolden(t, kinds[9:], "artifacts-v1-requeststate.json")
	}
	files, err := filepath.Glob(filepath.Join("testdata", "artifacts-v*.json"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no golden artifacts")
	}
	seen := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(t, err)
		var g golden
		must(t, json.Unmarshal(raw, &g))
		for _, a := range g.Artifacts {
			seen[a.Kind] = true
			v := goldenVault(t, g, a.Algorithm)
			got, err := kindOf(t, a.Kind).redeem(v, a.Token)
			if err != nil {
				t.Errorf("%s: a %s of then does not open: %v", file, a.Kind, err)
				continue
			}
			// The members of then must still mean the same; new ones may be beside them.
			now, err := strict.Marshal(got)
			must(t, err)
			contains(t, file+" "+a.Kind, now, []byte(a.Payload))
		}
	}
	for _, k := range kinds {
		if !seen[k.name] {
			t.Errorf("no file holds a %s", k.name)
		}
	}
}

func contains(t *testing.T, what string, now, then []byte) {
	t.Helper()
	var after, before map[string]any
	must(t, json.Unmarshal(now, &after))
	must(t, json.Unmarshal(then, &before))
	for member, value := range before {
		got, err := json.Marshal(after[member])
		must(t, err)
		want, err := json.Marshal(value)
		must(t, err)
		if string(got) != string(want) {
			t.Errorf("%s: member %q is read as %s, was %s", what, member, got, want)
		}
	}
}

func kindOf(t *testing.T, name string) kind {
	t.Helper()
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	t.Fatalf("there is no %s any more", name)
	panic("unreachable")
}

func goldenVault(t *testing.T, g golden, alg jose.Algorithm) *artifact.Vault {
	t.Helper()
	secrets, err := jose.ParseSecrets(g.Secrets)
	must(t, err)
	ring, err := jose.NewRing(g.Issuer, secrets)
	must(t, err)
	return &artifact.Vault{
		Ring: ring, Algorithm: alg, Lifetimes: defaults, Now: func() time.Time { return g.Now }, Issuers: []string{g.Issuer},
	}
}

func writeGolden(t *testing.T, kinds []kind, file string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if _, err := os.Stat(path); err == nil {
		return
	}
	g := golden{Secrets: secret + "," + "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8", Issuer: site, Now: noon}
	add := func(k kind, alg jose.Algorithm) {
		v := goldenVault(t, g, alg)
		token, err := k.mint(v)
		must(t, err)
		a, err := k.redeem(v, token)
		must(t, err)
		payload, err := strict.Marshal(a)
		must(t, err)
		g.Artifacts = append(g.Artifacts, goldenArtifact{k.name, alg, token, string(payload)})
	}
	for _, k := range kinds {
		add(k, jose.EdDSA)
	}
	if file == "artifacts-v1.json" {
		add(kindOf(t, "AccessToken"), jose.ES256)
		add(kindOf(t, "AccessToken"), jose.HS256)
	}
	raw, err := json.MarshalIndent(g, "", "\t")
	must(t, err)
	must(t, os.WriteFile(path, append(raw, '\n'), 0o644))
}
