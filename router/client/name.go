package client

import (
	"net/url"
	"slices"
	"strings"
)

// known are the clients that are recognised by where they ask to be sent, for
// registrations without a name.
var known = []struct {
	name    string
	schemes []string
	domains []string // and their subdomains
}{
	{"Cursor", []string{"cursor"}, []string{"cursor.com", "cursor.sh"}},
	{"VS Code", []string{"vscode", "vscode-insiders"}, []string{"vscode.dev"}},
	{"Zed", []string{"zed"}, []string{"zed.dev"}},
	{"Windsurf", []string{"windsurf"}, []string{"windsurf.com", "codeium.com"}},
	{"Claude", []string{"claude"}, []string{"claude.ai", "claude.com"}},
	{"ChatGPT", []string{"chatgpt"}, []string{"chatgpt.com", "chat.openai.com"}},
}

// NameOf returns the name to call a client: its own, or if it gave none, one
// that is inferred from its redirect URIs, or the first destination. It is a
// courtesy and no proof: anyone may register any name and any redirect URI.
func NameOf(clientName string, redirectURIs []string) string {
	if clientName != "" || len(redirectURIs) == 0 {
		return clientName
	}
	for _, uri := range redirectURIs {
		if name := inferName(Describe(uri)); name != "" {
			return name
		}
	}
	return Describe(redirectURIs[0]).String()
}

func inferName(d Destination) string {
	for _, k := range known {
		if d.Private && slices.Contains(k.schemes, d.Scheme) {
			return k.name
		}
		for _, domain := range k.domains {
			if d.Scheme == "https" && (d.Host == domain || strings.HasSuffix(d.Host, "."+domain)) {
				return k.name
			}
		}
	}
	return ""
}

// Destination is what a person must see of a redirect URI to judge who receives
// the access: never the path or the query, in which anything can be written.
type Destination struct {
	Scheme string // lower case
	// Host is the host in lower case with the port, if any. For a private-use
	// scheme it is only a name inside the app, or empty.
	Host     string
	Loopback bool // an app on this computer: http to a loopback host
	Private  bool // an app on this device that claims the scheme (RFC 8252 §7.1)
}

// Describe reads a redirect URI that CheckRedirectURI accepts.
func Describe(redirectURI string) Destination {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return Destination{}
	}
	return Destination{
		Scheme:   u.Scheme,
		Host:     strings.ToLower(u.Host),
		Loopback: u.Scheme == "http",
		Private:  u.Scheme != "http" && u.Scheme != "https",
	}
}

// String is the one line that shows a destination: the host, or the scheme with
// the app's own name behind it.
func (d Destination) String() string {
	if d.Private {
		return d.Scheme + "://" + d.Host
	}
	return d.Host
}
