package client

import (
	"errors"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
)

// ErrUnknown: the client_id is none of this server's key ring, or nothing of its
// registration is acceptable any more. The client has to register again.
var ErrUnknown = errors.New("unknown client")

// Client is a registered client. It is public: none has a secret. It is shared
// by all requests of the client: nobody may change it.
type Client struct {
	ID           artifact.Digest // of the client_id
	Name         string          // the client's own, or inferred; never verified
	RedirectURIs []string        // those that today's rules accept, at least one
	NoRefresh    bool            // it did not register the refresh_token grant

	site oauth.Site
}

// Resolver turns a client_id into a Client, and remembers what it resolved.
type Resolver struct {
	open  artifact.Opener[artifact.ClientRegistration]
	site  oauth.Site
	known cache
}

// NewResolver makes a Resolver for the registrations that open opens and the
// addresses of site.
func NewResolver(open artifact.Opener[artifact.ClientRegistration], site oauth.Site) *Resolver {
	return &Resolver{open: open, site: site, known: newCache()}
}

// Resolve opens a client_id. Its redirect URIs are checked again, because a
// registration does not expire and may be older than a rule; it is ErrUnknown
// when none is left.
func (r *Resolver) Resolve(clientID string) (Client, error) {
	if c, ok := r.known.get(clientID); ok {
		return c, nil
	}
	c, err := r.resolve(clientID)
	if err == nil {
		r.known.put(clientID, c)
	}
	return c, err
}

func (r *Resolver) resolve(clientID string) (Client, error) {
	registration, err := r.open.Open(clientID)
	if err != nil {
		return Client{}, ErrUnknown
	}
	c := Client{
		ID:        artifact.DigestOf(clientID),
		NoRefresh: registration.NoRefresh,
		site:      r.site,
	}
	for _, uri := range registration.RedirectURIs {
		if CheckRedirectURI(uri, r.site) == nil {
			c.RedirectURIs = append(c.RedirectURIs, uri)
		}
	}
	if len(c.RedirectURIs) == 0 {
		return Client{}, ErrUnknown
	}
	c.Name = NameOf(registration.Name, c.RedirectURIs)
	return c, nil
}
