package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mcp-oauth-server/router/oauth"
)

// MaxRedirectURI is the longest redirect URI, in bytes.
const MaxRedirectURI = 512

// ErrDenied: the scheme makes a browser run or read something. Nobody registers
// one by accident, so the whole registration is refused.
var ErrDenied = errors.New("has a scheme that is never a redirect target")

// ErrTooLong: the redirect URI has more than MaxRedirectURI bytes.
var ErrTooLong = fmt.Errorf("is longer than %d bytes", MaxRedirectURI)

// loopbackHosts are the only spellings of "this computer" that http is good for.
var loopbackHosts = []string{"localhost", "127.0.0.1", "[::1]"}

// deniedSchemes run script, read local files or reach another protocol than the
// app's own.
var deniedSchemes = []string{
	"about", "android-app", "blob", "chrome", "cid", "content", "data", "feed", "file", "filesystem", "ftp", "ftps",
	"gopher", "hcp", "intent", "jar", "javascript", "ldap", "ldaps", "livescript", "mailto", "mhtml", "mid", "mk",
	"mocha", "ms-appinstaller", "ms-its", "ms-msdt", "ms-officecmd", "ms-search", "news", "nfs", "res", "resource",
	"search-ms", "sftp", "shell", "sms", "smb", "ssh", "tel", "telnet", "urn", "vbscript", "view-source", "ws", "wss",
	"wyciwyg",
}

// CheckRedirectURI says what is wrong with a redirect URI, or nil. Accepted are
// https, http on a loopback host, and private-use schemes with or without an
// authority (RFC 8252 §7.1; `cursor://host/path` is what real clients send).
// The checks, in order:
//
//   - at most MaxRedirectURI bytes (ErrTooLong), and no scheme of the deny list however it is
//     disguised (ErrDenied);
//   - the strict grammar of parseRedirect: visible ASCII, no fragment, userinfo,
//     backslash, wildcard or dot segment, a host in its one plain spelling;
//   - net/url reads the same scheme, host and path: what two readers see
//     differently, a browser may see in a third way;
//   - not an address of this server, where a code would end up in its own logs
//     or in a loop.
func CheckRedirectURI(raw string, site oauth.Site) error {
	if len(raw) > MaxRedirectURI {
		return ErrTooLong
	}
	if slices.Contains(deniedSchemes, apparentScheme(raw)) {
		return ErrDenied
	}
	r, err := parseRedirect(raw)
	if err != nil {
		return err
	}
	u, err := url.Parse(raw)
	if err != nil || !r.agrees(u) {
		return errors.New("is ambiguous: two parsers read it differently")
	}
	if site.Owns(r.scheme, r.authority) {
		return errors.New("is an address of this server")
	}
	return nil
}

// agrees compares our reading with that of net/url.
func (r redirect) agrees(u *url.URL) bool {
	return u.Scheme == strings.ToLower(r.scheme) && u.Host == r.authority && u.EscapedPath() == r.path &&
		u.RawQuery == r.query && u.User == nil && u.Opaque == "" && u.Fragment == ""
}

// apparentScheme is the scheme that a forgiving reader would see: white space,
// control characters and percent-encoding skipped, in lower case.
func apparentScheme(raw string) string {
	scheme, _, _ := strings.Cut(strings.ToLower(unescapeAll(raw)), ":")
	return strings.Map(func(r rune) rune {
		if isAlpha(r) || isDigit(r) || strings.ContainsRune("+-.", r) {
			return r
		}
		return -1
	}, scheme)
}

// unescapeAll decodes percent-encoding where there is some and leaves the rest.
func unescapeAll(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := escapedByte(s[i:]); ok {
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
