package register

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
)

// Whatever the parser accepts is JSON for a second parser too, and satisfies
// every rule that the later steps rely on.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"redirect_uris":["https://app.example/cb","cursor://x/y"],"client_name":"x"}`,
		`{"redirect_uris":["http://localhost:1/cb"],"grant_types":["authorization_code"],"jwks":{"keys":[{"d":"x"}]}}`,
		`{"redirect_uris":["javascript:x"]}`, `{"redirect_uris":[null]}`, `{"Redirect_URIs":[]}`, `[[[[`, `{"a":{"a":1,"a":2}}`, "\ufeff{}", `null`,
		`{"redirect_uris":["https://a/b"],"client_name":"\u202e","scope":"","logo_uri":"https://x","application_type":"web"}`,
	} {
		f.Add([]byte(body))
	}
	site, err := oauth.NewSite("http://localhost:8080")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, refusal := parse(body, site)
		if refusal != nil {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted what is no JSON: %q", body)
		}
		if len(m.RedirectURIs) == 0 || len(m.RedirectURIs) > maxRedirectURIs || len(m.GrantTypes) == 0 || len(m.ResponseTypes) == 0 {
			t.Errorf("%q: kept %+v", body, m)
		}
		for _, uri := range m.RedirectURIs {
			if err := client.CheckRedirectURI(uri, site); err != nil {
				t.Errorf("%q: kept %q, which %v", body, uri, err)
			}
		}
		if utf8.RuneCountInString(m.Name) > maxName {
			t.Errorf("%q: name of %d characters", body, utf8.RuneCountInString(m.Name))
		}
	})
}
