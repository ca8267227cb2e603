package client

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// redirect is a redirect URI as the strict grammar reads it. The parts are
// substrings: scheme ":" ["//" authority] path ["?" query].
type redirect struct {
	scheme, authority, path, query string
}

// parseRedirect reads a redirect URI by a grammar that is narrower than RFC 3986
// and written without net/url, so that the two can be compared. Errors complete
// the sentence "the redirect URI …".
func parseRedirect(raw string) (redirect, error) {
	if err := checkCharacters(raw); err != nil {
		return redirect{}, err
	}
	var r redirect
	scheme, rest, found := strings.Cut(raw, ":")
	if !found || !isScheme(scheme) {
		return redirect{}, errors.New("is not absolute: it has no scheme")
	}
	r.scheme = scheme
	rest, r.query, _ = strings.Cut(rest, "?")
	r.path = rest
	if authority, found := strings.CutPrefix(rest, "//"); found {
		end := strings.IndexByte(authority, '/')
		if end < 0 {
			end = len(authority)
		}
		r.authority, r.path = authority[:end], authority[end:]
	}
	if err := r.checkAuthority(); err != nil {
		return redirect{}, err
	}
	return r, r.checkPath()
}

// checkCharacters admits visible ASCII without the characters that RFC 3986
// excludes, and percent-encoding that is well formed and hides no control
// character or backslash.
func checkCharacters(raw string) error {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '#':
			return errors.New("has a fragment")
		case c == '\\':
			return errors.New("has a backslash")
		case c <= ' ' || c >= 0x7f:
			return errors.New("has a space, a control character or a character outside ASCII")
		case strings.IndexByte("\"<>^`{|}", c) >= 0:
			return errors.New("has a character that a URI must percent-encode")
		case c == '%':
			b, ok := escapedByte(raw[i:])
			if !ok || b < ' ' || b == 0x7f || b == '\\' {
				return errors.New("has bad percent-encoding, or hides a control character or a backslash in it")
			}
		}
	}
	return nil
}

// checkAuthority has rules for the web schemes, where the authority says who
// receives the code, and weaker ones for private-use schemes, where the scheme
// does and the authority is only a name inside the app.
func (r redirect) checkAuthority() error {
	lower := strings.ToLower(r.scheme)
	switch {
	case strings.ContainsAny(r.authority, "@%*"):
		return errors.New("has user information, percent-encoding or a wildcard in its host")
	case r.scheme != lower && (lower == "http" || lower == "https"):
		return errors.New("has its scheme in upper case")
	case r.scheme == "https":
		return checkWebHost(r.authority)
	case r.scheme == "http":
		if _, _, ok := splitLoopback("http://" + r.authority); !ok {
			return errors.New("is http on something else than localhost, 127.0.0.1 or [::1]; use https")
		}
		return nil
	case r.authority == "" && r.path == "":
		return errors.New("has nothing behind its scheme")
	case r.authority == "" && r.path[0] != '/':
		return errors.New("has no slash behind its scheme")
	case r.authority == "":
		return nil
	default:
		return checkPrivateHost(r.authority)
	}
}

// checkPrivateHost admits a plain name with an optional port.
func checkPrivateHost(authority string) error {
	name, port, hasPort := strings.Cut(authority, ":")
	if !isLabels(name) || hasPort && !isPort(port) {
		return errors.New("has a host that is not a plain name")
	}
	return nil
}

// checkWebHost admits a DNS name, an IPv4 address in its dotted form and an
// IPv6 address in brackets, each with an optional port. Everything that a
// browser might read as another address is refused: 127.1, 0x7f.1, a trailing
// dot, a zone.
func checkWebHost(authority string) error {
	host, port, hasPort := authority, "", false
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port, hasPort = authority[:i], authority[i+1:], true
	}
	switch {
	case host == "":
		return errors.New("has no host")
	case hasPort && !isPort(port):
		return errors.New("has a port that is not a number from 1 to 65535")
	case host[0] == '[':
		return checkIPv6(host)
	case !isLabels(host):
		return errors.New("has a host that is not a plain DNS name (punycode for other scripts) or address")
	case endsInNumber(host):
		if a, err := netip.ParseAddr(host); err != nil || !a.Is4() {
			return errors.New("has an IPv4 address that is not in its dotted decimal form")
		}
	}
	return nil
}

func checkIPv6(host string) error {
	a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
	if err != nil || !strings.HasSuffix(host, "]") || !a.Is6() || a.Zone() != "" || a.Is4In6() {
		return errors.New("has an IPv6 address that is not in its plain form")
	}
	return nil
}

// checkPath refuses dot segments in every disguise that some server behind an
// app or a site resolves (`..;`, `%2e%2e`, doubly encoded), and patterns.
func (r redirect) checkPath() error {
	if strings.Contains(r.path, "%25") {
		return errors.New("has a percent sign in its path that is itself encoded")
	}
	path := unescapeAll(r.path)
	if strings.Contains(path, "*") {
		return errors.New("has a wildcard in its path; patterns are not supported")
	}
	for segment := range strings.SplitSeq(path, "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return errors.New("has a dot segment in its path")
		}
	}
	return nil
}

// isScheme follows RFC 3986 §3.1, and wants two characters: one is a drive
// letter.
func isScheme(s string) bool {
	for i, c := range s {
		if !isAlpha(c) && (i == 0 || !isDigit(c) && !strings.ContainsRune("+-.", c)) {
			return false
		}
	}
	return len(s) >= 2
}

// isLabels says whether a host is made of non-empty labels of letters, digits,
// hyphens and underscores.
func isLabels(host string) bool {
	return !slices.ContainsFunc(strings.Split(host, "."), func(label string) bool {
		return label == "" || strings.ContainsFunc(label, func(c rune) bool {
			return !isAlpha(c) && !isDigit(c) && c != '-' && c != '_'
		})
	})
}

// endsInNumber says whether browsers take a host for an IPv4 address: its last
// label is a decimal or hexadecimal number (WHATWG URL, "ends in a number").
func endsInNumber(host string) bool {
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if digits, found := strings.CutPrefix(last, "0x"); found {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// isPort says whether s is a port number in its one decimal spelling.
func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == s
}

// escapedByte reads a percent-encoded byte at the start of s.
func escapedByte(s string) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	b, err := hex.DecodeString(s[1:3])
	if err != nil {
		return 0, false
	}
	return b[0], true
}

func isAlpha(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c rune) bool { return '0' <= c && c <= '9' }
