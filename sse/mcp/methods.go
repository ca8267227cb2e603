package mcp

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// method is one request method.
type method struct {
	name string
	// params are the members of params the method reads; _meta is added.
	params []string
	// eras says where the method exists: false for the revisions with a
	// handshake, true for the modern ones.
	eras []bool
	// needs says what the server must offer; nil if nothing.
	needs func(tools.Features) bool
	// mirrored is the member of params that is repeated in Mcp-Name; empty if none.
	mirrored string
	// streams: the answer is a stream that stays open.
	streams bool
	// runs: a handler runs, which may want to know what the client can do.
	runs bool
	// answer returns the result.
	answer func(*Server, context.Context, *exchange) (any, *Error)
}

var (
	handshake = []bool{false}
	modern    = []bool{true}
	always    = []bool{false, true}
)

func hasTools(f tools.Features) bool       { return f.Tools }
func hasResources(f tools.Features) bool   { return f.Resources }
func hasPrompts(f tools.Features) bool     { return f.Prompts }
func hasCompletions(f tools.Features) bool { return f.Completions }
func hasLogs(f tools.Features) bool        { return f.Logs }

// methods is every request method there is.
var methods = readingMeta([]method{
	{name: "initialize", eras: handshake,
		params: []string{"protocolVersion", "capabilities", "clientInfo"}, answer: (*Server).initialize},
	{name: "ping", eras: handshake, answer: (*Server).ping},

	{name: "server/discover", eras: modern, answer: (*Server).discover},
	{name: "subscriptions/listen", eras: modern, streams: true, params: []string{"notifications"}, answer: (*Server).subscribe},

	{name: "tools/list", eras: always, needs: hasTools, params: []string{"cursor"}, answer: (*Server).listTools},
	{name: "tools/call", eras: always, needs: hasTools, runs: true, mirrored: "name",
		params: []string{"name", "arguments", "inputResponses", "requestState"}, answer: (*Server).callTool},

	{name: "prompts/list", eras: always, needs: hasPrompts, params: []string{"cursor"}, answer: (*Server).listPrompts},
	{name: "prompts/get", eras: always, needs: hasPrompts, runs: true, mirrored: "name",
		params: []string{"name", "arguments", "inputResponses", "requestState"}, answer: (*Server).getPrompt},

	{name: "resources/list", eras: always, needs: hasResources, params: []string{"cursor"}, answer: (*Server).listResources},
	{name: "resources/templates/list", eras: always, needs: hasResources, params: []string{"cursor"}, answer: (*Server).listTemplates},
	{name: "resources/read", eras: always, needs: hasResources, runs: true, mirrored: "uri",
		params: []string{"uri", "inputResponses", "requestState"}, answer: (*Server).readResource},
	{name: "resources/subscribe", eras: handshake, needs: hasResources, params: []string{"uri"}, answer: (*Server).watchResource},
	{name: "resources/unsubscribe", eras: handshake, needs: hasResources, params: []string{"uri"}, answer: (*Server).unwatchResource},

	{name: "completion/complete", eras: always, needs: hasCompletions, runs: true,
		params: []string{"ref", "argument", "context"}, answer: (*Server).complete},
	{name: "logging/setLevel", eras: handshake, needs: hasLogs, params: []string{"level"}, answer: (*Server).setLevel},
})

// toolCall runs a tool.
var toolCall = methods["tools/call"]

// noMethod is one that does not exist. Its revision matters all the same.
var noMethod = &method{params: []string{"_meta"}}

// readingMeta adds _meta to what each method reads, and lists them by name.
func readingMeta(all []method) map[string]*method {
	byName := make(map[string]*method, len(all))
	for i := range all {
		all[i].params = append([]string{"_meta"}, all[i].params...)
		byName[all[i].name] = &all[i]
	}
	return byName
}

// methodOf reads a method's name, without a copy if it is known.
func methodOf(raw jsontext.Value) (name string, m *method, ok bool) {
	if plain, isPlain := plainText(raw); isPlain {
		if string(plain) == toolCall.name { // what nearly all messages are
			return toolCall.name, toolCall, true
		}
		if m, known := methods[string(plain)]; known {
			return m.name, m, true
		}
	}
	if name, ok = stringOf(raw); ok {
		m = methods[name]
	}
	return name, cmp.Or(m, noMethod), ok
}

// offers reports whether a method exists here, in this revision.
func (s *Server) offers(m *method, r *Request, rev *revision) bool {
	switch {
	case m.answer == nil || !slices.Contains(m.eras, rev.modern):
		return false
	case m.streams && r.Peer == nil:
		return false // no transport that could keep a stream open
	}
	return m.needs == nil || m.needs(s.Tools.Features())
}

// resultHead is what every result of a modern revision begins with; in the older
// ones it is empty.
type resultHead struct {
	ResultType string      `json:"resultType,omitzero"`
	Meta       *resultMeta `json:"_meta,omitzero"`
}

type resultMeta struct {
	ServerInfo   implementation `json:"io.modelcontextprotocol/serverInfo"`
	Subscription jsontext.Value `json:"io.modelcontextprotocol/subscriptionId,omitzero"`
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
	return resultHead{ResultType: "complete", Meta: &resultMeta{ServerInfo: s.info(x.revision)}}
}

func (s *Server) info(rev revision) implementation {
	i := implementation{Name: s.Name, Version: s.Version}
	if rev.structured { // titles came with structured content
		i.Title = s.Title
	}
	return i
}

// caching is for a list, cachingFor for what may be kept for ttl milliseconds.
func (x *exchange) caching() *caching { return x.cachingFor(listLifetime) }

func (x *exchange) cachingFor(ttl int) *caching {
	if !x.modern {
		return nil
	}
	return &caching{TTLMs: ttl, CacheScope: "private"}
}

// capabilities are what the server offers: what is registered, and changes only
// where the transport can tell of them.
type capabilities struct {
	Tools       *changing `json:"tools,omitzero"`
	Resources   *changing `json:"resources,omitzero"`
	Prompts     *changing `json:"prompts,omitzero"`
	Completions *struct{} `json:"completions,omitzero"`
	Logging     *struct{} `json:"logging,omitzero"`
}

// changing says which changes of a kind are announced.
type changing struct {
	ListChanged bool `json:"listChanged,omitzero"`
	Subscribe   bool `json:"subscribe,omitzero"` // resources only
}

func (s *Server) capabilities(x *exchange, rev revision) (c capabilities) {
	f := s.Tools.Features()
	announced := s.announced(x)
	if f.Tools {
		c.Tools = &changing{ListChanged: announced&tools.ToolsChanged != 0}
	}
	if f.Resources {
		c.Resources = &changing{
			ListChanged: announced&tools.ResourcesChanged != 0,
			Subscribe:   announced&tools.ResourceUpdated != 0,
		}
	}
	if f.Prompts {
		c.Prompts = &changing{ListChanged: announced&tools.PromptsChanged != 0}
	}
	if f.Completions && rev.audio { // the capability came with audio, the method was there before
		c.Completions = &struct{}{}
	}
	if f.Logs {
		c.Logging = &struct{}{}
	}
	return c
}

// announced are the changes this client can be told of: it needs a stream that
// stays open, which the Streamable HTTP of the 2025 revisions has not got here.
func (s *Server) announced(x *exchange) tools.ChangeKind {
	if s.Announce == nil || !x.modern && x.Transport != LegacySSE || x.modern && x.Peer == nil {
		return 0
	}
	return s.Tools.Features().Announces
}

// initialize answers the handshake of the revisions up to 2025-11-25.
func (s *Server) initialize(_ context.Context, x *exchange) (any, *Error) {
	if x.inBatch {
		return nil, invalidRequest("initialize must not be part of a batch")
	}
	asked, ok := stringOf(x.params.get("protocolVersion"))
	if !ok {
		return nil, invalidParams("protocolVersion must be a string")
	}
	caps, problem := readCapabilities(x.params.get("capabilities"))
	if problem != nil {
		return nil, problem
	}
	name, version, problem := readClientInfo(x.params.get("clientInfo"))
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
	}{ProtocolVersion: rev.version, Capabilities: s.capabilities(x, rev), ServerInfo: s.info(rev), Instructions: s.Instructions}, nil
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
	name, _ = stringOf(m.get("name"))
	version, _ = stringOf(m.get("version"))
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
	}{resultHead: s.head(x), caching: x.caching(), SupportedVersions: Versions(), Capabilities: s.capabilities(x, x.revision), Instructions: s.Instructions}, nil
}
