// Package oauth is the shelf of words that the rooms of the authorization
// server share: the server's own addresses (Site), protocol errors (Error) and
// the one function that turns them into a response, strictly parsed parameters
// (Params), and scopes. It decides nothing about a client, a user or a token.
package oauth
