// Package grant is the room of POST /token: it redeems authorization codes and
// refresh tokens and mints access tokens (RFC 6749 §3.2, OAuth 2.1).
//
//	grant_type=authorization_code   code + PKCE verifier → access token, refresh token
//	grant_type=refresh_token        refresh token → access token, the next refresh token
//
// What enters is a form body and the sealed artifacts in it; the user, the
// client, the scope and the resource of a token come from those artifacts and
// never from the form. A code is proved to be the caller's before it is spent, so
// that a stranger's guess does not burn it.
//
// It must not know where a user logged in (router/upstream) or render a page.
package grant
