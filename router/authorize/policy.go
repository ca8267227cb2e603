package authorize

import (
	"slices"
	"strings"

	"mcp-oauth-server/router/upstream"
)

// Policy says who may use this server. The zero value welcomes nobody.
type Policy struct {
	Subjects     []string // the provider's sub, exact (ALLOWED_SUBJECTS)
	Emails       []string // whole addresses (ALLOWED_EMAILS)
	EmailDomains []string // what follows the last @ (ALLOWED_EMAIL_DOMAINS)
	AnyUser      bool     // everybody whom the provider logs in (ALLOW_ANY_USER)
}

// Allows says whether a user is welcome. One match is enough. An e-mail address
// counts only when the provider has verified it: at many providers anyone can
// claim any address.
func (p Policy) Allows(user upstream.Identity) bool {
	switch {
	case p.AnyUser:
		return true
	case slices.Contains(p.Subjects, user.Subject):
		return user.Subject != ""
	case !user.EmailVerified:
		return false
	}
	at := strings.LastIndexByte(user.Email, '@')
	if at < 1 || at == len(user.Email)-1 {
		return false
	}
	return containsFold(p.Emails, user.Email) || containsFold(p.EmailDomains, user.Email[at+1:])
}

// containsFold compares without regard to the case of ASCII letters only.
// strings.EqualFold would take the Kelvin sign for a k, and a mailbox or a domain
// with one belongs to somebody else.
func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(entry string) bool { return lowerASCII(entry) == lowerASCII(s) })
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
