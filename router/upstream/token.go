package upstream

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"golang.org/x/oauth2"
)

// redeem exchanges the code at the token endpoint (RFC 6749 §4.1.3), authenticating with the methods the provider names,
// the one that worked last first. A second method is tried only when the first was refused *as authentication*, which
// a provider decides before it looks at the code; after any other failure the code may be spent, and a second attempt
// could make the provider take us for a thief.
func (p *Provider) redeem(ctx context.Context, m metadata, flow Flow, code string) (*oauth2.Token, error) {
	styles := p.authStyles(m.authMethods)
	if len(styles) == 0 {
		return nil, refused("it wants a client authentication other than client_secret_basic and client_secret_post")
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
	var err error
	for _, style := range styles {
		config := p.oauth2Config(m, flow)
		config.Endpoint.AuthStyle = style
		var token *oauth2.Token
		if token, err = config.Exchange(ctx, code, oauth2.VerifierOption(flow.Verifier)); err == nil {
			p.authStyle.Store(int32(style))
			return token, nil
		}
		if !clientRefused(err) {
			break
		}
	}
	return nil, tokenFault(err)
}

// authStyles lists the ways to authenticate in the order to try them. RFC 6749 §2.3.1 prefers Basic; providers that do
// not say what they take, or take each per application, make the second one necessary.
func (p *Provider) authStyles(methods []string) []oauth2.AuthStyle {
	if p.config.ClientSecret == "" {
		return []oauth2.AuthStyle{oauth2.AuthStyleInParams} // A public client: client_id in the body, no secret.
	}
	var styles []oauth2.AuthStyle
	if len(methods) == 0 || slices.Contains(methods, "client_secret_basic") {
		styles = append(styles, oauth2.AuthStyleInHeader)
	}
	if len(methods) == 0 || slices.Contains(methods, "client_secret_post") {
		styles = append(styles, oauth2.AuthStyleInParams)
	}
	if len(styles) == 2 && styles[1] == oauth2.AuthStyle(p.authStyle.Load()) {
		slices.Reverse(styles)
	}
	return styles
}

// clientRefused tells a refused authentication (RFC 6749 §5.2: invalid_client, or a bare 401) from a refused code.
func clientRefused(err error) bool {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return false
	}
	return e.ErrorCode == "invalid_client" || e.ErrorCode == "" && e.Response.StatusCode == http.StatusUnauthorized
}

// tokenFault says what the token endpoint answered in words of our own: the library's error quotes the whole answer.
func tokenFault(err error) error {
	if clientRefused(err) {
		return refused("it does not accept our client id and secret; compare OIDC_CLIENT_ID and OIDC_CLIENT_SECRET with the registration at the provider")
	}
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return err
	}
	switch e.ErrorCode {
	case "invalid_grant":
		return refused("it answers invalid_grant: the code is expired, spent, or was made for another login")
	case "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
		return refused("it answers %s", e.ErrorCode)
	case "temporarily_unavailable":
		return unavailable("it answers temporarily_unavailable")
	}
	return refused("it answers status %d and no access token", e.Response.StatusCode)
}
