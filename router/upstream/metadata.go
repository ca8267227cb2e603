package upstream

import (
	"cmp"
	"context"
	"net/url"
	"strings"
)

// metadata is what we need to know of the provider: OpenID Connect Discovery 1.0 §3, after the overrides.
type metadata struct {
	authURL, tokenURL, userURL, jwksURL string
	// authMethods is token_endpoint_auth_methods_supported; empty when the provider does not say.
	authMethods []string
	// issuerParameter is authorization_response_iss_parameter_supported (RFC 9207 §3): the callback must carry iss.
	issuerParameter bool
}

// discoveryDocument holds the members we read. Unknown ones are ignored, as §3 asks; duplicate ones are an error.
type discoveryDocument struct {
	Issuer          string   `json:"issuer"`
	AuthURL         string   `json:"authorization_endpoint"`
	TokenURL        string   `json:"token_endpoint"`
	UserURL         string   `json:"userinfo_endpoint"`
	JWKSURL         string   `json:"jwks_uri"`
	AuthMethods     []string `json:"token_endpoint_auth_methods_supported"`
	IssuerParameter bool     `json:"authorization_response_iss_parameter_supported"`
}

// metadata answers from the configuration alone when that is complete, else from discovery.
func (p *Provider) metadata(ctx context.Context) (metadata, error) {
	if !p.needsDiscovery() {
		return p.override(metadata{}), nil
	}
	return p.discovery.get(ctx)
}

func (p *Provider) needsDiscovery() bool {
	c := p.config
	return c.Issuer != "" && (c.AuthURL == "" || c.TokenURL == "" || c.JWKSURL == "")
}

func (p *Provider) override(m metadata) metadata {
	m.authURL = cmp.Or(p.config.AuthURL, m.authURL)
	m.tokenURL = cmp.Or(p.config.TokenURL, m.tokenURL)
	m.userURL = cmp.Or(p.config.UserURL, m.userURL)
	m.jwksURL = cmp.Or(p.config.JWKSURL, m.jwksURL)
	return m
}

// discover fetches the discovery document. It is refused when
//
//   - its issuer is not exactly ours: another tenant's document would send our users, and our secret, to that tenant;
//   - an endpoint we need is missing;
//   - an endpoint is not https while the issuer is: whoever reads along could log in as our users.
func (p *Provider) discover(ctx context.Context) (metadata, error) {
	var d discoveryDocument
	address := strings.TrimSuffix(p.config.Issuer, "/") + "/.well-known/openid-configuration"
	if err := p.getJSON(ctx, address, "", &d); err != nil {
		return metadata{}, err
	}
	if d.Issuer != p.config.Issuer {
		return metadata{}, refused("%s", issuerMismatch(p.config.Issuer, d.Issuer))
	}
	m := p.override(metadata{
		authURL: d.AuthURL, tokenURL: d.TokenURL, userURL: d.UserURL, jwksURL: d.JWKSURL,
		authMethods: d.AuthMethods, issuerParameter: d.IssuerParameter,
	})
	loopback := loopbackHTTP(p.config.Issuer)
	for _, e := range []struct{ name, address string }{
		{"authorization_endpoint", m.authURL}, {"token_endpoint", m.tokenURL}, {"jwks_uri", m.jwksURL}, {"userinfo_endpoint", m.userURL},
	} {
		if e.address == "" && e.name == "userinfo_endpoint" {
			continue // OPTIONAL: without it the ID token's profile is all there is.
		}
		if err := checkEndpoint(e.address, loopback); err != nil {
			return metadata{}, refused("its %s is %v", e.name, err)
		}
	}
	return m, nil
}

// issuerMismatch explains the most common mistake of all without quoting the provider.
func issuerMismatch(ours, theirs string) string {
	if strings.TrimSuffix(ours, "/") == strings.TrimSuffix(theirs, "/") {
		return "OIDC_ISSUER and the provider's own issuer differ by the slash at the end; set OIDC_ISSUER exactly as the provider writes it"
	}
	return "the provider calls itself another issuer; set OIDC_ISSUER exactly as the provider writes it"
}

func loopbackHTTP(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && u.Scheme == "http" && isLoopback(u.Hostname())
}
