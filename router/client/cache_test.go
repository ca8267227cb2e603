package client_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/client"
)

// What was resolved is good for the keys and the addresses it was resolved with,
// and for no other text.
func TestAResolutionIsForItsOwnKeysSiteAndText(t *testing.T) {
	v := vault(t)
	r := resolver(t, v)
	const own = "https://mcp.example.com/callback" // an address of one of the two sites below
	id := registered(t, v, "An app", own)
	want, err := r.Resolve(id)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Resolve(id); err != nil || again.ID != want.ID || again.Name != want.Name || !again.Allows(own) {
		t.Errorf("again: %+v, %v", again, err)
	}

	elsewhere := client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](v), site(t, "https://mcp.example.com"))
	rotated := resolver(t, vault(t))
	for name, c := range map[string]struct {
		by *client.Resolver
		id string
	}{
		"a site whose address it is": {elsewhere, id},
		"other keys":                 {rotated, id},
		"one character more":         {r, id + "A"},
		"one character less":         {r, id[:len(id)-1]},
		"one character changed":      {r, "f" + id[1:]},
	} {
		if got, err := c.by.Resolve(c.id); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if _, err := r.Resolve(id); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}

// Many more clients than are remembered, from many goroutines: each gets its own
// registration, whoever was turned out for it.
func TestManyClientsAreNotMixedUp(t *testing.T) {
	v := vault(t)
	r := resolver(t, v)
	const clients = 3000
	ids := make([]string, clients)
	for i := range ids {
		ids[i] = registered(t, v, fmt.Sprint("App ", i), fmt.Sprintf("https://app%d.example/cb", i))
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range ids {
				n := (i*7 + worker*751) % clients
				c, err := r.Resolve(ids[n])
				if err != nil || c.Name != fmt.Sprint("App ", n) || c.ID != artifact.DigestOf(ids[n]) ||
					!c.Allows(fmt.Sprintf("https://app%d.example/cb", n)) {
					t.Errorf("client %d: %+v, %v", n, c, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkResolve(b *testing.B) {
	v := vault(b)
	r := resolver(b, v)
	uris := []string{"cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"}
	known := registered(b, v, "Cursor", uris...)
	b.Run("Known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Resolve(known); err != nil {
				b.Fatal(err)
			}
		}
	})
	fresh := make([]string, 8192)
	for i := range fresh {
		fresh[i] = registered(b, v, "Cursor", uris...)
	}
	b.Run("New", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := r.Resolve(fresh[i%len(fresh)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
