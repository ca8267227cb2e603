package bearer

import (
	"regexp"
	"strings"
	"testing"
)

// grammar is RFC 6750 §2.1 with one space and the scheme in any case, which is
// all that is read. A comma would make it two headers that were joined on the way.
var grammar = regexp.MustCompile(`^(?i:bearer) [A-Za-z0-9\-._~+/]+=*$`)

// FuzzCredentials holds the reading of the header to its grammar: a token comes
// out of what matches, whole, and out of nothing else.
func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{
		"Bearer abc", "bearer a.b-c~d+e/f==", "Bearer", "Bearer ", "Bearer  a", "Bearer a b", "Bearer a,Bearer b",
		"Basic dXNlcjpwYXNz", "DPoP abc", "", " Bearer abc", "Bearer\tabc", "Bearer a=b", "Bearer \xff", "BEARER x\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, refusal := credentials([][]byte{[]byte(header)})
		taken := refusal == nil && isToken68(token)
		if taken != grammar.MatchString(header) {
			t.Fatalf("%q: token %q, refusal %v", header, token, refusal)
		}
		if _, want, _ := strings.Cut(header, " "); taken && string(token) != want {
			t.Fatalf("%q: token %q", header, token)
		}
		if _, twice := credentials([][]byte{[]byte(header), []byte(header)}); twice == nil {
			t.Fatalf("%q is taken twice", header)
		}
	})
}
