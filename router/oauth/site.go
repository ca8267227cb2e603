package oauth

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// Paths of the protected resource. Both are the same endpoint.
var resourcePaths = []string{"/sse", "/mcp"}

// loopbackHosts are the names a person may type for a server on this machine.
var loopbackHosts = [3]string{"localhost", "127.0.0.1", "[::1]"}

// Site is the public identity of this server: its issuer and the resources it
// protects. Everything comes from the configured SERVER_URL and never from a
// request, with one exception: when that URL is loopback, the host name (not
// the scheme, not the port) follows the request, because people type localhost
// and 127.0.0.1 alike and clients compare what they typed with what they read.
type Site struct {
	scheme, host string // host as configured, with the port if there is one
	port         string // ":8080", or "" for the scheme's default
	loopback     bool
	bases        [3]string // the base URL by each of loopbackHosts

	url string
	*spellings
}

// spellings are put together once, because every token request asks for them,
// and never written again. They are behind a pointer so that a Site can be
// compared with the zero Site, which is none.
type spellings struct{ issuers, resources []string }

// NewSite reads a SERVER_URL: https, or http on a loopback host; scheme, host
// and optional port, and nothing behind them.
func NewSite(serverURL string) (Site, error) {
	u, err := url.Parse(serverURL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http"):
		return Site{}, errors.New("is not an http or https URL like https://mcp.example.com")
	case strings.HasSuffix(serverURL, "/"):
		return Site{}, errors.New("ends with a slash; clients compare the issuer byte by byte, so leave the slash out")
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return Site{}, errors.New("has something behind the host; a path prefix is not supported")
	case u.Host != strings.ToLower(u.Host) || u.Scheme+"://"+u.Host != serverURL:
		return Site{}, errors.New("is not in its plain form: lower case, like https://mcp.example.com")
	}
	if origin(u.Scheme, u.Host) != serverURL {
		return Site{}, errors.New("names its scheme's default port; clients compare the issuer byte by byte, so leave the port out")
	}
	s := Site{scheme: u.Scheme, host: u.Host}
	if p := u.Port(); p != "" {
		s.port = ":" + p
	}
	for i, name := range loopbackHosts {
		s.bases[i] = s.scheme + "://" + name + s.port
	}
	s.loopback = slices.Contains(loopbackHosts[:], strings.TrimSuffix(s.host, s.port))
	if s.scheme == "http" && !s.loopback {
		return Site{}, errors.New("is http; only a loopback address may be, everything else needs https")
	}
	s.url = serverURL
	s.spellings = newSpellings(s)
	return s, nil
}

func newSpellings(s Site) *spellings {
	all := &spellings{issuers: []string{s.url}}
	for _, base := range s.bases {
		if s.loopback && base != s.url {
			all.issuers = append(all.issuers, base)
		}
	}
	for _, base := range all.issuers {
		for _, path := range resourcePaths {
			all.resources = append(all.resources, base+path)
		}
	}
	return all
}

// Loopback says whether the server is for this machine only.
func (s Site) Loopback() bool { return s.loopback }

// Secure says whether browsers reach the server over TLS.
func (s Site) Secure() bool { return s.scheme == "https" }

// URL is the configured base URL, without a trailing slash.
func (s Site) URL() string { return s.url }

// Base returns the base URL to show to whoever sent a request with this Host
// header, and false when a loopback server is addressed by a foreign name: that
// is a DNS rebinding attack, to be answered with 421.
func (s *Site) Base(host []byte) (base string, ok bool) {
	if !s.loopback {
		return s.URL(), true
	}
	name := host
	if i := bytes.LastIndexByte(name, ':'); i > bytes.LastIndexByte(name, ']') {
		name = name[:i]
	}
	for i, known := range loopbackHosts {
		if string(name) == known {
			return s.bases[i], true
		}
	}
	for i, known := range loopbackHosts {
		if strings.EqualFold(string(name), known) {
			return s.bases[i], true
		}
	}
	return "", false
}

// Issuers returns every spelling of the issuer, the configured one first.
func (s Site) Issuers() []string { return slices.Clone(s.issuers) }

// Resources returns every spelling of the protected resource, the configured
// /sse first. Each is a good audience on both paths.
func (s Site) Resources() []string { return slices.Clone(s.resources) }

// Issuer returns the issuer's spelling in a canonical resource, so that the
// tokens for an audience name the same host as the audience does. It is the
// configured one for anything else.
func (s Site) Issuer(resource string) string {
	for _, base := range s.issuers {
		if path, found := strings.CutPrefix(resource, base); found && slices.Contains(resourcePaths, path) {
			return base
		}
	}
	return s.url
}

// SameResource says whether two canonical resources are the same: equal but for
// the spelling of the loopback host.
func (s Site) SameResource(a, b string) bool {
	return strings.TrimPrefix(a, s.Issuer(a)) == strings.TrimPrefix(b, s.Issuer(b))
}

// Owns says whether a URL with this scheme and host (with its port, if any) is
// at this server's own origin, however it is spelled.
func (s Site) Owns(scheme, host string) bool {
	return slices.Contains(s.issuers, origin(scheme, host))
}

// origin is the plain form of an origin: lower case, no default port.
func origin(scheme, host string) string {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}

// Resource returns the canonical form of a resource parameter (RFC 8707 §2), or
// false when it names anything but this server's resource. Scheme and host may
// differ in case, the default port may be written out, and the path may end
// with a slash, as the endpoint itself may.
func (s Site) Resource(raw string) (canonical string, ok bool) {
	if i := slices.Index(s.resources, raw); i >= 0 {
		return s.resources[i], true // as most clients spell it
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") {
		return "", false
	}
	canonical = origin(u.Scheme, u.Host) + strings.TrimSuffix(u.EscapedPath(), "/")
	if slices.Contains(s.resources, canonical) {
		return canonical, true
	}
	return "", false
}
