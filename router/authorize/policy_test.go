package authorize_test

import (
	"testing"

	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/upstream"
)

func TestPolicy(t *testing.T) {
	alice := upstream.Identity{Issuer: "https://idp.example", Subject: "42", Email: "Alice@Example.com", EmailVerified: true}
	unverified := alice
	unverified.EmailVerified = false
	with := func(email string) upstream.Identity {
		return upstream.Identity{Subject: "7", Email: email, EmailVerified: true}
	}
	emails := func(list ...string) authorize.Policy { return authorize.Policy{Emails: list} }
	domains := func(list ...string) authorize.Policy { return authorize.Policy{EmailDomains: list} }

	for name, c := range map[string]struct {
		policy authorize.Policy
		user   upstream.Identity
		want   bool
	}{
		"nothing is configured":             {authorize.Policy{}, alice, false},
		"anyone":                            {authorize.Policy{AnyUser: true}, unverified, true},
		"subject":                           {authorize.Policy{Subjects: []string{"41", "42"}}, unverified, true},
		"another subject":                   {authorize.Policy{Subjects: []string{"4", "421", " 42"}}, alice, false},
		"no subject":                        {authorize.Policy{Subjects: []string{""}}, upstream.Identity{}, false},
		"e-mail in another case":            {emails("aLICE@eXAMPLE.COM"), alice, true},
		"e-mail not verified":               {emails("alice@example.com"), unverified, false},
		"another e-mail":                    {emails("alice@example.com.evil.example", "lice@example.com"), alice, false},
		"domain":                            {domains("example.com"), alice, true},
		"domain in upper case":              {domains("EXAMPLE.COM"), alice, true},
		"domain not verified":               {domains("example.com"), unverified, false},
		"a subdomain is another domain":     {domains("example.com"), with("a@sub.example.com"), false},
		"a suffix is another domain":        {domains("example.com"), with("a@evilexample.com"), false},
		"the last @ counts":                 {domains("example.com"), with(`"a@example.com"@evil.example`), false},
		"the last @ counts the other way":   {domains("example.com"), with(`"a@evil.example"@example.com`), true},
		"no domain":                         {domains(""), with("a@"), false},
		"no mailbox":                        {domains("example.com"), with("@example.com"), false},
		"no @":                              {domains("example.com"), with("example.com"), false},
		"no e-mail":                         {emails(""), with(""), false},
		"Kelvin sign is no k":               {domains("kernel.example"), with("a@\u212Aernel.example"), false},
		"long s is no s":                    {emails("sam@example.com"), with("\u017Fam@example.com"), false},
		"trailing dot is another domain":    {domains("example.com"), with("a@example.com."), false},
		"subject wins over a wrong e-mail":  {authorize.Policy{Subjects: []string{"42"}, Emails: []string{"x@y.example"}}, alice, true},
		"e-mail wins over another domain":   {authorize.Policy{Emails: []string{"alice@example.com"}, EmailDomains: []string{"y.example"}}, alice, true},
		"an e-mail is no subject":           {authorize.Policy{Subjects: []string{"Alice@Example.com"}}, alice, false},
		"a subject is no e-mail":            {emails("42"), alice, false},
		"a domain in the list of e-mails":   {emails("example.com", "@example.com"), alice, false},
		"an e-mail in the list of domains":  {domains("alice@example.com"), alice, false},
		"a wildcard is not a wildcard here": {domains("*.com", "*"), alice, false},
	} {
		if got := c.policy.Allows(c.user); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
