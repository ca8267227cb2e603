//go:build conformance

package main

import "mcp-oauth-server/bench/fixtures"

// The server with this tag is the product and what the conformance suite wants
// to find on it. It is the only way in for the fixtures.
func init() { extraItems = fixtures.Items }
