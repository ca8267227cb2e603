package e2e

import (
	"strings"
	"testing"
)

// httpClients are the npm clients over Streamable HTTP, with what each is run with. URL and ISSUER are replaced.
var httpClients = []struct{ name, command string }{
	{"sdk 1 http", "sdk1.mjs URL http"},
	{"sdk 2 http, legacy", "sdk2.mjs URL http-legacy"},
	{"sdk 2 http, auto", "sdk2.mjs URL http-auto"},
	{"sdk 2 http, 2026-07-28", "sdk2.mjs URL http-modern"},
	{"mcp-remote", "mcp-remote.mjs URL default"},
	{"openid-client", "openid-client.mjs ISSUER URL"},
	{"oauth4webapi", "oauth4webapi.mjs URL"},
}

// sseClients are the npm clients over the 2024-11-05 transport.
var sseClients = []struct{ name, command string }{
	{"sdk 1 sse", "sdk1.mjs URL sse"},
	{"sdk 2 sse", "sdk2.mjs URL sse"},
	{"mcp-remote, sse only", "mcp-remote.mjs URL sse-only"},
}

// Every client, with two replicas that take turns request by request.
func TestClientsOverARoundRobinOfTwoReplicas(t *testing.T) {
	t.Parallel()
	needNode(t)
	f := newFront(t, roundRobin)
	startPair(t, f, startIdP(t, f.url()))
	for _, client := range httpClients {
		t.Run(client.name, func(t *testing.T) {
			script, args := command(client.command, f.url())
			runDriver(t, script, args...)
		})
	}
	f.spread(t)
}

// A legacy stream lives on one replica.
func TestLegacyClientsOverOneReplica(t *testing.T) {
	t.Parallel()
	needNode(t)
	server := startDevServer(t)
	for _, client := range sseClients {
		t.Run(client.name, func(t *testing.T) {
			script, args := command(client.command, server.url())
			runDriver(t, script, args...)
		})
	}
}

// With two replicas, a load balancer that hashes the session parameter keeps a stream and its messages together.
func TestLegacyClientsOverTwoReplicasAndASessionHash(t *testing.T) {
	t.Parallel()
	needNode(t)
	f := newFront(t, sessionHash)
	startPair(t, f, startIdP(t, f.url()))
	for _, client := range sseClients {
		t.Run(client.name, func(t *testing.T) {
			script, args := command(client.command, f.url())
			runDriver(t, script, args...)
		})
	}
	f.spread(t)
}

// command splits a driver's command line and puts the server's addresses in.
func command(line, base string) (script string, args []string) {
	words := strings.Fields(strings.NewReplacer("URL", base+"/sse", "ISSUER", base).Replace(line))
	return words[0], words[1:]
}
