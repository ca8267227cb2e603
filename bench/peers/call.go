package main

import "net/netip"

const (
	nameStatic   = "fasthttp static reply"
	nameMCPGo    = "mcp-go 1.2.1, JWT"
	nameMCPGoMap = "mcp-go 1.2.1, map"
	nameGoSDK    = "go-sdk 1.8.0, JWT"
	nameGoSDKMap = "go-sdk 1.8.0, map"
	nameTSSDK    = "TypeScript SDK 1.32.2, map"
)

// callTokens is how many access tokens, each of another user, take turns.
const callTokens = 2000

// oursCall is the product's MCP endpoint.
func oursCall(l *lab) (*target, error) {
	o, err := l.startOurs()
	if err != nil {
		return nil, err
	}
	return &target{process: o.process, prepare: o.bearers}, nil
}

// callContestants are the servers of a tool call with a bearer token and what
// one request costs each.
var callContestants = []contestant{
	{nameOurs, "look the verified token up and compare all of it, expiry; strict JSON, JSON-RPC, tool", "/mcp", oursCall},
	{nameStatic, "the same request, a constant answer: the floor", "/mcp", goPeer("static")},
	{nameMCPGo, "golang-jwt: one Ed25519 verification, claims; JSON-RPC, tool", "/mcp", goPeer("mcp-go-jwt")},
	{nameMCPGoMap, "look the token up in a map; JSON-RPC, tool", "/mcp", goPeer("mcp-go-map")},
	{nameGoSDK, "golang-jwt: one Ed25519 verification, claims; JSON-RPC, tool with schema checks", "/mcp", goPeer("go-sdk-jwt")},
	{nameGoSDKMap, "look the token up in a map; JSON-RPC, tool with schema checks", "/mcp", goPeer("go-sdk-map")},
	{nameTSSDK, "look the token up in a Map; JSON-RPC, tool with schema checks; one core of Node.js", "/mcp", nodePeer("sdk")},
}

// calls compares tools/call.
func (l *lab) calls() ([]*measures, error) {
	return l.contest(course{
		contestants: callContestants,
		requests:    func(t *target, _ int) ([]request, error) { return callRequests(t, callTokens) },
		expect:      "hello",
	})
}

func callRequests(t *target, n int) ([]request, error) {
	tokens, err := t.prepare(n)
	if err != nil {
		return nil, err
	}
	all := make([]request, len(tokens))
	for i, token := range tokens {
		all[i] = request{call(t.addr, t.path, token), 200}
	}
	return all, nil
}

// call is one tools/call of the stateless revision that all of them speak.
func call(addr netip.AddrPort, path, token string) []byte {
	return post(addr, path, "application/json",
		"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\nAuthorization: Bearer "+token+"\r\n",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`)
}
