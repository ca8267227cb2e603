package register

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
)

// Limits of a registration.
const (
	maxRedirectURIs = 10
	maxName         = 100     // characters
	maxURI          = 2048    // characters of client_uri and its like
	maxScope        = 2 << 10 // characters
	maxKeyword      = 64      // characters of an enumerated value
)

// authMethods are the registered values of token_endpoint_auth_method (RFC 7591
// §2, RFC 8705 §2). All are answered with "none"; a value that is none of them
// is a mistake of the client.
var authMethods = []string{
	"none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt",
	"tls_client_auth", "self_signed_tls_client_auth",
}

// usableGrants and usableResponses are what this server can serve.
var (
	usableGrants    = []string{"authorization_code", "refresh_token"}
	usableResponses = []string{"code"}
)

// metadata is what is kept of a registration (RFC 7591 §2).
type metadata struct {
	RedirectURIs    []string // REQUIRED, at least one
	Name            string
	GrantTypes      []string
	ResponseTypes   []string
	ApplicationType string // "web", "native" or ""; told back, not used
	ClientURI       string // this and the next three are told back, never fetched
	LogoURI         string
	TermsURI        string
	PolicyURI       string
}

// parse reads a registration and holds it to the rules, in this order: the JSON;
// what would have to be trusted and cannot be (software_statement, keys); the
// redirect URIs; the grants; the rest. Unknown members are ignored, a client_id
// of the caller's own choice among them.
func parse(body []byte, site oauth.Site) (metadata, *oauth.Error) {
	in, err := readMembers(body)
	if err != nil {
		return metadata{}, err
	}
	var m metadata
	for _, step := range []func(members, oauth.Site) *oauth.Error{
		m.refuseTrust, m.readRedirectURIs, m.readGrants, m.readAuthMethod, m.readName, m.readAbout,
	} {
		if err := step(in, site); err != nil {
			return metadata{}, err
		}
	}
	return m, nil
}

// refuseTrust refuses statements that nobody here can verify, and keys given in
// two ways (RFC 7591 §2) or with their private parts. Keys are not used.
func (*metadata) refuseTrust(in members, _ oauth.Site) *oauth.Error {
	if in.present("software_statement") {
		return oauth.NewError(oauth.InvalidSoftwareStatement, "software statements are not supported; leave software_statement out")
	}
	if in.present("jwks") && in.present("jwks_uri") {
		return invalid("jwks and jwks_uri must not both be given")
	}
	if _, err := in.text("jwks_uri", maxURI); err != nil {
		return err
	}
	var set struct {
		Keys []map[string]jsontext.Value `json:"keys"`
	}
	if in.present("jwks") && json.Unmarshal(in["jwks"], &set) != nil {
		return invalid("jwks is not a JWK set")
	}
	for _, key := range set.Keys {
		if key["d"] != nil || key["k"] != nil {
			return invalid("jwks holds a private or symmetric key; that key is now known and must not be used any more")
		}
	}
	return nil
}

// readRedirectURIs keeps the usable ones: clients send several kinds in one body
// (Cursor a private-use scheme, https and loopback), and refusing all for one
// locks them out. Something dangerous refuses the whole.
func (m *metadata) readRedirectURIs(in members, site oauth.Site) *oauth.Error {
	all, err := in.list("redirect_uris")
	if err != nil || len(all) == 0 || len(all) > maxRedirectURIs {
		return invalidURI(fmt.Sprintf("redirect_uris is not an array of 1 to %d strings", maxRedirectURIs))
	}
	var fault error
	for i, uri := range all {
		switch why := client.CheckRedirectURI(uri, site); {
		case slices.Contains(all[:i], uri):
			return invalidURI(fmt.Sprintf("redirect_uris[%d] is a duplicate", i))
		case errors.Is(why, client.ErrDenied), errors.Is(why, client.ErrTooLong):
			return invalidURI(fmt.Sprintf("redirect_uris[%d] %v", i, why))
		case why != nil:
			fault = fmt.Errorf("redirect_uris[%d] %w", i, why)
		default:
			m.RedirectURIs = append(m.RedirectURIs, uri)
		}
	}
	if len(m.RedirectURIs) == 0 {
		return invalidURI(fault.Error())
	}
	return nil
}

// readGrants keeps the usable grant and response types. A client that names more
// than this server serves is told the reduced set; one that names nothing
// usable is refused. Naming none means all that the server has.
func (m *metadata) readGrants(in members, _ oauth.Site) *oauth.Error {
	grants, err := in.list("grant_types")
	if err != nil {
		return err
	}
	responses, err := in.list("response_types")
	if err != nil {
		return err
	}
	m.GrantTypes, m.ResponseTypes = usable(grants, usableGrants), usable(responses, usableResponses)
	if !slices.Contains(m.GrantTypes, "authorization_code") {
		return invalid("grant_types has nothing usable: authorization_code is needed, refresh_token is optional")
	}
	if len(m.ResponseTypes) == 0 {
		return invalid("response_types has nothing usable: code is the only one")
	}
	return nil
}

func usable(asked, served []string) []string {
	if len(asked) == 0 {
		return served
	}
	var kept []string
	for _, s := range served {
		if slices.Contains(asked, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// readAuthMethod accepts every standard method, and a scope of any contents: the
// answer says "none" and the one scope there is.
func (m *metadata) readAuthMethod(in members, _ oauth.Site) *oauth.Error {
	method, err := in.text("token_endpoint_auth_method", maxKeyword)
	if err != nil {
		return err
	}
	if method != "" && !slices.Contains(authMethods, method) {
		return invalid("token_endpoint_auth_method is unknown; this server has public clients only, so use none")
	}
	if _, err := in.text("scope", maxScope); err != nil {
		return err
	}
	kind, err := in.text("application_type", maxKeyword)
	if kind == "web" || kind == "native" {
		m.ApplicationType = kind
	}
	return err
}

// readName refuses characters that a person cannot see: they are there to make
// one name look like another on the consent page.
func (m *metadata) readName(in members, _ oauth.Site) *oauth.Error {
	name, err := in.text("client_name", maxName)
	if err != nil {
		return err
	}
	if strings.ContainsFunc(name, invisible) {
		return invalid("client_name has control, directional or invisible characters")
	}
	m.Name = strings.TrimSpace(name)
	return nil
}

func invisible(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == unicode.ReplacementChar
}

// readAbout takes the addresses that tell about a client. A page may link to
// them, so they must not be script or something inside a network.
func (m *metadata) readAbout(in members, _ oauth.Site) *oauth.Error {
	for _, about := range []struct {
		name string
		uri  *string
	}{
		{"client_uri", &m.ClientURI}, {"logo_uri", &m.LogoURI}, {"tos_uri", &m.TermsURI}, {"policy_uri", &m.PolicyURI},
	} {
		uri, err := in.text(about.name, maxURI)
		if err != nil {
			return err
		}
		if uri != "" && !isWebPage(uri) {
			return invalid(about.name + " is not an https URL")
		}
		*about.uri = uri
	}
	return nil
}

// isWebPage admits https, and http on this computer for people who develop.
func isWebPage(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && address.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

func (m metadata) registration() artifact.ClientRegistration {
	return artifact.ClientRegistration{
		Name:         m.Name,
		RedirectURIs: m.RedirectURIs,
		NoRefresh:    !slices.Contains(m.GrantTypes, "refresh_token"),
	}
}

func (m metadata) response(clientID string, now time.Time) response {
	return response{
		ClientID:        clientID,
		IssuedAt:        now.Unix(),
		RedirectURIs:    m.RedirectURIs,
		Name:            client.NameOf(m.Name, m.RedirectURIs),
		GrantTypes:      m.GrantTypes,
		ResponseTypes:   m.ResponseTypes,
		AuthMethod:      "none",
		Scope:           oauth.ScopeTools,
		ApplicationType: m.ApplicationType,
		ClientURI:       m.ClientURI,
		LogoURI:         m.LogoURI,
		TermsURI:        m.TermsURI,
		PolicyURI:       m.PolicyURI,
	}
}

func invalidURI(description string) *oauth.Error {
	return oauth.NewError(oauth.InvalidRedirectURI, description)
}
