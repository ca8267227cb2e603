// Package router is the front of the house: the one table of routes, the chain
// every request passes before it reaches a room, and the health and admin
// handlers. It counts each request where the table puts its handler, under a route
// that is known there. It makes no protocol decision; the rooms below it do.
//
//	GET  /                                            landing page
//	GET  /.well-known/oauth-authorization-server[…]   discovery
//	GET  /.well-known/oauth-protected-resource[…]     discovery
//	GET  /jwks.json                                   discovery
//	POST /register                                    register
//	GET  /authorize   POST /consent   GET|POST /callback   authorize
//	POST /token                                       grant
//	     /sse  /mcp  /sse/message                     the MCP endpoint, given by main
//	GET  /healthz  /readyz                            health
//
// Everything else is 404. Nothing redirects by itself: a redirect built from a
// request's Host is an open redirect, and MCP clients follow none.
package router
