package client

import (
	"slices"
	"strings"
)

// Allows says whether the client may be sent to a redirect URI: byte for byte a
// registered one. The one exception is the port of an http loopback URI, which
// an app cannot know before it listens (RFC 8252 §7.3); its host is not
// interchangeable, so localhost is not 127.0.0.1.
func (c Client) Allows(redirectURI string) bool {
	if slices.Contains(c.RedirectURIs, redirectURI) {
		return true
	}
	host, rest, ok := splitLoopback(redirectURI)
	if !ok {
		return false
	}
	// A registration without a port must not reach this server itself, which
	// listens on some port of the same host.
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		h, r, ok := splitLoopback(registered)
		return ok && h == host && r == rest
	}) && CheckRedirectURI(redirectURI, c.site) == nil
}

// splitLoopback takes the port out of an http loopback URI and returns the host
// and all that follows the authority. It is false for any other URI, and for a
// port that is not one.
func splitLoopback(uri string) (host, rest string, ok bool) {
	authority, found := strings.CutPrefix(uri, "http://")
	if !found {
		return "", "", false
	}
	if i := strings.IndexAny(authority, "/?"); i >= 0 {
		authority, rest = authority[:i], authority[i:]
	}
	for _, host := range loopbackHosts {
		port, found := strings.CutPrefix(authority, host)
		if found && (port == "" || port[0] == ':' && isPort(port[1:])) {
			return host, rest, true
		}
	}
	return "", "", false
}
