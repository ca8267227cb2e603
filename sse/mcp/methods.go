package mcp

import (
	"context"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// method is one request method.
type method struct {
	// params are the members of params the method reads, besides _meta.
	params []string
	// eras says where the method exists: false for the revisions with a
	// handshake, true for the modern ones.
	eras []bool
	// answer returns the result.
	answer func(*Server, context.Context, *exchange) (any, *Error)
}

var (
	handshake = []bool{false}
	modern    = []bool{true}
	always    = []bool{false, true}
)

// methods is every request method there is.
var methods = map[string]method{
	"initialize":      {[]string{"protocolVersion", "capabilities", "clientInfo"}, handshake, (*Server).initialize},
	"ping":            {nil, handshake, (*Server).ping},
	"server/discover": {nil, modern, (*Server).discover},
	"tools/list":      {[]string{"cursor"}, always, (*Server).listTools},
	"tools/call":      {[]string{"name", "arguments"}, always, (*Server).callTool},
}

// resultHead is what every result of a modern revision begins with; in the older
// ones it is empty.
type resultHead struct {
	ResultType string      `json:"resultType,omitzero"`
	Meta       *resultMeta `json:"_meta,omitzero"`
}

type resultMeta struct {
	ServerInfo implementation `json:"io.modelcontextprotocol/serverInfo"`
}

type implementation struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitzero"`
	Version string `json:"version"`
}

// caching is what a modern client may keep for how long. Another user may be
// shown other tools one day, so no intermediary may share a list.
type caching struct {
	TTLMs      int    `json:"ttlMs"`
	CacheScope string `json:"cacheScope"`
}

// listLifetime in milliseconds: the tools change only when the server is
// replaced, and clients should see that within minutes.
const listLifetime = 5 * 60 * 1000

func (s *Server) head(x *exchange) resultHead {
	if !x.modern {
		return resultHead{}
	}
	return resultHead{ResultType: "complete", Meta: &resultMeta{s.info(x.revision)}}
}

func (s *Server) info(rev revision) implementation {
	i := implementation{Name: s.Name, Version: s.Version}
	if rev.structured { // titles came with structured content
		i.Title = s.Title
	}
	return i
}

func (x *exchange) caching() *caching {
	if !x.modern {
		return nil
	}
	return &caching{TTLMs: listLifetime, CacheScope: "private"}
}

// capabilities are what the server offers: tools, and nothing that would need
// it to remember a client.
type capabilities struct {
	Tools struct{} `json:"tools"`
}

// initialize answers the handshake of the revisions up to 2025-11-25.
func (s *Server) initialize(_ context.Context, x *exchange) (any, *Error) {
	if x.inBatch {
		return nil, invalidRequest("initialize must not be part of a batch")
	}
	asked, ok := stringOf(x.params["protocolVersion"])
	if !ok {
		return nil, invalidParams("protocolVersion must be a string")
	}
	caps, problem := readCapabilities(x.params["capabilities"])
	if problem != nil {
		return nil, problem
	}
	name, version, problem := readClientInfo(x.params["clientInfo"])
	if problem != nil {
		return nil, problem
	}
	rev := negotiate(asked)
	x.opened = &Session{
		Version: rev.version, ClientName: cut(name, 24), ClientVersion: cut(version, 12), Capabilities: caps,
	}
	return struct {
		ProtocolVersion string         `json:"protocolVersion"`
		Capabilities    capabilities   `json:"capabilities"`
		ServerInfo      implementation `json:"serverInfo"`
		Instructions    string         `json:"instructions,omitzero"`
	}{ProtocolVersion: rev.version, ServerInfo: s.info(rev), Instructions: s.Instructions}, nil
}

// readClientInfo reads what a client calls itself. Some leave it out.
func readClientInfo(raw jsontext.Value) (name, version string, problem *Error) {
	if raw == nil {
		return "", "", nil
	}
	if raw.Kind() != '{' {
		return "", "", invalidParams("clientInfo must be an object")
	}
	m, problem := readObject(raw, true, "name", "version")
	if problem != nil {
		return "", "", problem
	}
	name, _ = stringOf(m["name"])
	version, _ = stringOf(m["version"])
	return name, version, nil
}

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// ping answers that the server is there.
func (s *Server) ping(context.Context, *exchange) (any, *Error) { return struct{}{}, nil }

// discover answers server/discover of 2026-07-28.
func (s *Server) discover(_ context.Context, x *exchange) (any, *Error) {
	return struct {
		resultHead
		*caching
		SupportedVersions []string     `json:"supportedVersions"`
		Capabilities      capabilities `json:"capabilities"`
		Instructions      string       `json:"instructions,omitzero"`
	}{resultHead: s.head(x), caching: x.caching(), SupportedVersions: Versions(), Instructions: s.Instructions}, nil
}
