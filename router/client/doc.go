// Package client resolves a client_id. A client_id is its own registration,
// sealed at /register; this shelf opens it, holds it to today's rules and says
// which redirect URIs it may use and what to call it.
//
//   - Resolver: client_id → Client; what resolved is remembered, bounded
//   - Client.Allows: the exact match of redirect URIs (RFC 9700 §4.1.3)
//   - CheckRedirectURI: the one set of rules for what a redirect URI may be,
//     for registration and for use
//   - Describe: what a person must be shown of a redirect URI
//
// It fetches nothing, mints nothing and knows no user. A name is what the client
// says of itself: it proves nothing, and pages must say so.
package client
