package jose

import "time"

// Algorithm is a JWS algorithm of RFC 7518 §3.1 or RFC 8037 §3.1, or None for
// an artifact that is sealed only.
type Algorithm string

// The algorithms of this server.
const (
	None  Algorithm = ""
	HS256 Algorithm = "HS256"
	EdDSA Algorithm = "EdDSA"
	ES256 Algorithm = "ES256"
)

// AnyDay as Profile.Days accepts every day up to tomorrow.
const AnyDay = -1

// Profile fixes how one kind of artifact looks on the wire.
type Profile struct {
	Kind string    // separates the keys; never reused for another purpose
	Type string    // the `typ` header (RFC 8725 §3.11)
	Sign Algorithm // the inner signature; None seals only
	Days int       // how many days ago it may have been minted; AnyDay for no limit
	Max  int       // longest token that is looked at, in characters
}

// today numbers the days since 1970 in UTC.
func today(now time.Time) int { return int(now.Unix() / 86400) }

// mayOpen says whether a kid's day is acceptable. The day is untrusted until
// the token opens. Tomorrow is accepted because replicas' clocks differ, and
// yesterday because a token may be minted right before midnight.
func (p Profile) mayOpen(day, today int) bool {
	if day > today+1 || day < 0 {
		return false
	}
	return p.Days == AnyDay || day >= today-max(p.Days, 1)
}

// outer returns the JWE header for a kid. The members are in the order in which
// the library writes them, so equal meaning is equal bytes.
func (p Profile) outer(kid string) string {
	prefix, suffix := p.outerParts()
	return prefix + kid + suffix
}

func (p Profile) outerParts() (prefix, suffix string) {
	if p.Sign == None {
		return `{"alg":"dir","enc":"A256GCM","kid":"`, `","typ":"` + p.Type + `"}`
	}
	return `{"alg":"dir","cty":"JWT","enc":"A256GCM","kid":"`, `"}`
}

// inner returns the JWS header. Only signatures that outsiders can check carry
// a kid: it names the key in the JWKS.
func (p Profile) inner(m *member) string {
	if p.Sign == HS256 {
		return `{"alg":"HS256","typ":"` + p.Type + `"}`
	}
	return `{"alg":"` + string(p.Sign) + `","kid":"` + m.id + `","typ":"` + p.Type + `"}`
}
