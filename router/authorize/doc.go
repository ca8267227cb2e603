// Package authorize is the room of the login: it takes a user from a client's
// authorization request through consent and the identity provider back to the
// client with a code (OAuth 2.1 §4.1, RFC 6749 §4.1).
//
//	GET  /authorize  request.go   what may a client ask? -> consent page, ConsentTicket
//	POST /consent    consent.go   did this browser's user agree? -> provider, UpstreamState
//	GET  /callback   callback.go  who is it, and is he welcome? -> client, AuthorizationCode
//	POST /callback   callback.go  form_post providers: re-enters by GET
//
//	cookie.go    binding a login to one browser
//	flow.go      the upstream half: state, nonce, PKCE verifier
//	reply.go     the answer to the client: redirect URI + parameters (RFC 9207)
//	policy.go    which users are welcome
//	fault.go     the pages for when there is no client to answer
//
// Nothing is remembered between two steps. Each step opens the letter of the one
// before, and two cookies say that both are the same browser: the CSRF cookie
// from page to answer, the flow cookie from answer to callback. The flow cookie
// exists only after approval; without it, an attacker could consent in his own
// browser and have a victim finish the login.
//
// Until the redirect URI is proven to be the client's, a fault is a page on this
// origin; after that it is a redirect with error, state and iss.
//
// This room mints codes and no tokens, verifies no ID token itself (upstream
// does) and reads nothing from a form but the ticket and the user's answer.
package authorize
