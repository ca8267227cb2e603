package jose

import (
	"strconv"
	"strings"
)

const (
	ivSize   = 12
	ivChars  = 16 // of 12 bytes
	tagChars = 22 // of 16 bytes
)

// envelope is a JWE in compact serialization, cut at its dots. The encrypted
// key, between the first two, is empty: the key is agreed ("dir").
type envelope struct{ header, iv, text, tag string }

// cut looks at lengths and dots only. A further dot would be inside a part, and
// no part that holds one decodes.
func cut(p Profile, token string) (envelope, bool) {
	head := strings.IndexByte(token, '.')
	iv := head + len("..")
	text := iv + ivChars + len(".")
	tag := len(token) - tagChars
	if len(token) > p.Max || head < 0 || tag-len(".") <= text ||
		token[head+1] != '.' || token[text-1] != '.' || token[tag-1] != '.' {
		return envelope{}, false
	}
	return envelope{token[:head], token[iv : text-1], token[text : tag-1], token[tag:]}, true
}

// readHeader returns the kid of a JWE header that is exactly the one of the
// profile; opening uses it only for a header that it has not seen before.
func readHeader(p Profile, header string) (kid string, ok bool) {
	text, canonical := appendDecoded(nil, []byte(header))
	prefix, suffix := p.outerParts()
	kid, found := strings.CutPrefix(string(text), prefix)
	kid, ended := strings.CutSuffix(kid, suffix)
	// A quote in the kid would be another header.
	return kid, canonical && found && ended && !strings.ContainsAny(kid, `"\`)
}

// kid names a member of the ring and a day: "<ring id>.<day>".
func kid(m *member, day int) string { return m.id + "." + strconv.Itoa(day) }

// parseKid is the inverse of kid and accepts exactly what kid writes.
func parseKid(s string) (id string, day int, ok bool) {
	id, digits, found := strings.Cut(s, ".")
	day, err := strconv.Atoi(digits)
	return id, day, found && err == nil && strconv.Itoa(day) == digits
}
