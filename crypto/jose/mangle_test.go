package jose_test

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"mcp-oauth-server/crypto/jose"
)

// The genuine token of each profile opens; what follows is only worth
// something because of that.
func genuine(t testing.TB, r *jose.Ring, p jose.Profile) string {
	t.Helper()
	token := seal(t, r, p, `{"sub":"alice"}`, noon)
	mustOpen(t, r, p, token, `{"sub":"alice"}`, noon)
	return token
}

// Every character changed to its neighbour in the alphabet, to a character of
// another part's syntax, and to what no alphabet has.
func TestEveryChangedByteIsRefused(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		token := genuine(t, r, p)
		for i := range len(token) {
			others := []byte{token[i] ^ 1, token[i] ^ 0x80, '.', '=', '\n', 0}
			if at := strings.IndexByte(alphabet, token[i]); at >= 0 {
				others = append(others, alphabet[at^1], alphabet[at^32])
			}
			for _, c := range others {
				if c != token[i] {
					mustRefuse(t, r, p, token[:i]+string([]byte{c})+token[i+1:], nil, noon)
				}
			}
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		token := genuine(t, r, p)
		for i := range len(token) {
			mustRefuse(t, r, p, token[:i], nil, noon)
			if i > 0 {
				mustRefuse(t, r, p, token[i:], nil, noon)
				mustRefuse(t, r, p, token[:i-1]+token[i:], nil, noon) // one character dropped
			}
			mustRefuse(t, r, p, token[:i]+token[i:i+1]+token[i:], nil, noon) // one doubled
		}
	}
}

// One token has one spelling. A lenient reader would take each of these for the
// same token, and whoever counts or blocks tokens by their text would not.
func TestOtherSpellingsAreRefused(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		token := genuine(t, r, p)
		parts := strings.Split(token, ".")
		spellings := map[string]string{
			"space before":        " " + token,
			"space after":         token + " ",
			"newline after":       token + "\n",
			"NUL after":           token + "\x00",
			"byte order mark":     "\ufeff" + token,
			"quoted":              `"` + token + `"`,
			"with its scheme":     "Bearer " + token,
			"an empty sixth part": token + ".",
			"an empty first part": "." + token,
			"two tokens":          token + "," + token,
			"twice":               token + token,
			"three parts":         strings.Join(parts[:3], "."),
			"an encrypted key":    parts[0] + ".AAAA." + strings.Join(parts[2:], "."),
			"JSON, flattened":     `{"protected":"` + parts[0] + `","iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
			"JSON, general":       `{"protected":"` + parts[0] + `","recipients":[{}],"iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
			"percent-encoded dot": strings.Replace(token, ".", "%2E", 1),
			"full-width dot":      strings.Replace(token, ".", "．", 1),
		}
		// A reader that joins ciphertext and tag before it opens them does not see
		// where one ends.
		whole := append(unb64(t, parts[3]), unb64(t, parts[4])...)
		for _, tag := range []int{1, 12, 15, 17, 18} {
			at := len(whole) - tag
			spellings["a tag of "+strconv.Itoa(tag)+" bytes"] = strings.Join(parts[:3], ".") + "." + b64(whole[:at]) + "." + b64(whole[at:])
		}
		for i, part := range parts {
			if part == "" {
				continue
			}
			with := func(other string) string {
				changed := append([]string{}, parts...)
				changed[i] = other
				return strings.Join(changed, ".")
			}
			at := string(rune('1' + i))
			raw, err := base64.RawURLEncoding.DecodeString(part)
			must(t, err)
			spellings["padding in part "+at] = with(part + strings.Repeat("=", 1+(4-len(part)%4)%4))
			spellings["newline in part "+at] = with(part[:4] + "\n" + part[4:])
			spellings["return in part "+at] = with(part[:4] + "\r" + part[4:])
			spellings["newline after part "+at] = with(part + "\n")
			spellings["space in part "+at] = with(part[:4] + " " + part[4:])
			if std := base64.RawStdEncoding.EncodeToString(raw); std != part {
				spellings["standard alphabet in part "+at] = with(std)
			}
			if stray := strayBits(part); stray != part {
				spellings["stray bits in part "+at] = with(stray)
			}
		}
		for what, spelling := range spellings {
			t.Run(name(p)+"/"+what, func(t *testing.T) {
				mustRefuse(t, r, p, spelling, jose.ErrMalformed, noon)
			})
		}
	}
}

// strayBits spells the same bytes with a last character whose unused bits are
// not zero, if the length leaves unused bits.
func strayBits(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(part)%4 == 0 {
		return part
	}
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + alphabet[last+1:last+2]
}

func TestGarbageIsRefused(t *testing.T) {
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		for _, token := range []string{
			"", ".", "....", ".....", strings.Repeat(".", 10_000), strings.Repeat("A", 1<<20),
			strings.Repeat("A", p.Max+1), "AAAA..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
			"\xff\xfe", "{}", "null", "ünïcödé....",
		} {
			mustRefuse(t, r, p, token, jose.ErrMalformed, noon)
		}
		// One character over the limit of its kind is not looked at, however genuine.
		short := p
		short.Max = len(genuine(t, r, p)) - 1
		mustRefuse(t, r, short, genuine(t, r, p), jose.ErrMalformed, noon)
		short.Max++
		mustOpen(t, r, short, genuine(t, r, p), `{"sub":"alice"}`, noon)
	}
}
