package jose

import (
	"encoding/base64"
	"strings"
)

var b64 = base64.RawURLEncoding.Strict()

const (
	ivChars  = 16 // 12 bytes
	tagChars = 22 // 16 bytes
)

// precheck stands in front of the library, which takes padding, white space and
// several spellings of one token, honours zip and ignores an unknown crit. It
// returns the kid of a token whose header is exactly the one of the profile.
func precheck(p Profile, token string) (kid string, err error) {
	if len(token) > p.Max || strings.Count(token, ".") != 4 {
		return "", ErrMalformed
	}
	parts := strings.Split(token, ".")
	if parts[1] != "" || len(parts[2]) != ivChars || parts[3] == "" || len(parts[4]) != tagChars {
		return "", ErrMalformed
	}
	prefix, suffix := p.outerParts()
	kid, found := strings.CutPrefix(decode(parts[0]), prefix)
	kid, ended := strings.CutSuffix(kid, suffix)
	if !found || !ended || strings.ContainsAny(kid, `"\`) || !canonical(parts...) {
		return "", ErrMalformed // a quote in the kid would be another header
	}
	return kid, nil
}

// canonical says whether every part is the one base64url spelling of its bytes:
// no padding, no white space (the decoder skips line breaks), no stray bits.
func canonical(parts ...string) bool {
	for _, part := range parts {
		b, err := b64.DecodeString(part)
		if err != nil || b64.EncodedLen(len(b)) != len(part) {
			return false
		}
	}
	return true
}

// decode returns the bytes of a part as a string, "" when it is not base64url.
func decode(part string) string {
	b, err := b64.DecodeString(part)
	if err != nil {
		return ""
	}
	return string(b)
}
