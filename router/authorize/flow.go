package authorize

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/upstream"
)

// upstreamTime bounds what one step of a login waits for the provider. It is
// shorter than the 30 s that impatient clients wait for a whole login.
const upstreamTime = 15 * time.Second

// upstreamContext is not the request's: fasthttp uses that one again for the
// next request while a connection attempt may still hold it.
func upstreamContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), upstreamTime)
}

// flow derives the upstream nonce and PKCE verifier from the secret of a state.
// Each has a label of its own, so that the nonce, which the provider sees at
// once, tells nothing about the verifier.
func flow(base, secret string) upstream.Flow {
	return upstream.Flow{
		RedirectURI: base + "/callback",
		Nonce:       derive("mcp-oauth-server upstream nonce", secret),
		Verifier:    derive("mcp-oauth-server upstream verifier", secret),
	}
}

func derive(label, secret string) string {
	sum := sha256.Sum256([]byte(label + "\n" + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// departure is what it takes to send a browser to the provider.
type departure struct {
	state       string // sealed UpstreamState
	secret      string // root of nonce and verifier
	cookieName  string
	cookieValue string // the flow secret, and behind a dot a sealed LongState if there is one
}

// depart binds a request that the user has approved to this browser. A client's
// state that would make ours too long for the provider travels in the flow
// cookie, and its digest in our state.
func (r *Room) depart(request artifact.AuthorizationRequest) (departure, error) {
	binding := artifact.NewSecret()
	state := artifact.UpstreamState{
		AuthorizationRequest: request,
		Flow:                 artifact.DigestOf(binding),
		Secret:               artifact.NewSecret(),
	}
	d := departure{secret: state.Secret, cookieName: r.flowName(state.Flow), cookieValue: binding}

	var err error
	d.state, err = r.SealState.Seal(state)
	if !errors.Is(err, artifact.ErrTooLong) {
		return d, err
	}
	long, err := r.SealLong.Seal(artifact.LongState{State: request.State})
	if err != nil {
		return d, err
	}
	d.cookieValue += "." + long
	state.State, state.LongState = "", artifact.DigestOf(request.State)
	d.state, err = r.SealState.Seal(state)
	return d, err
}

// arrive checks that a flow cookie belongs to a state, and puts the client's
// state back if it travelled in the cookie. It is false when the login was not
// started in this browser.
func (r *Room) arrive(state artifact.UpstreamState, cookieValue string) (artifact.AuthorizationRequest, bool) {
	binding, sealed, isLong := strings.Cut(cookieValue, ".")
	request := state.AuthorizationRequest
	if !isSecret(binding) || !state.Flow.Matches(binding) || isLong != (state.LongState != "") {
		return request, false
	}
	if isLong {
		long, err := r.OpenLong.Open(sealed)
		if err != nil || !state.LongState.Matches(long.State) {
			return request, false
		}
		request.State = long.State
	}
	return request, true
}
