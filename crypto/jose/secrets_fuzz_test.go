package jose

import (
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzParseSecrets: whatever is taken is long enough, there once, and reads the
// same when it is written canonically; what is not is refused without its text.
func FuzzParseSecrets(f *testing.F) {
	good := NewSecret()
	for _, seed := range []string{
		good, good + "," + NewSecret(), good + "\n" + good, good + "=", "", ",", "short",
		strings.Repeat("A", 43), strings.ReplaceAll(good, "-", "+"), good + "\x00", "\xff" + good,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		secrets, err := ParseSecrets(list)
		if err != nil {
			if word := strings.TrimSpace(list); len(word) > 20 && strings.Contains(err.Error(), word) {
				t.Fatalf("the error tells the secret: %v", err)
			}
			return
		}
		var again []string
		for i, s := range secrets {
			raw := s.bytes()
			if len(raw) < SecretSize {
				t.Fatalf("secret %d has %d bytes", i, len(raw))
			}
			again = append(again, base64.RawURLEncoding.EncodeToString(raw))
		}
		same, err := ParseSecrets(strings.Join(again, ","))
		if err != nil || len(same) != len(secrets) {
			t.Fatalf("%d secrets, read again %d, %v", len(secrets), len(same), err)
		}
		for i := range same {
			if string(same[i].bytes()) != string(secrets[i].bytes()) {
				t.Fatalf("secret %d is another when it is read again", i)
			}
		}
	})
}
