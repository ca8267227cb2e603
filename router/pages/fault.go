package pages

import "github.com/valyala/fasthttp"

// Fault is something that went wrong where there is no client to tell it to, so
// a person reads it.
type Fault struct {
	// Status is the HTTP status.
	Status int
	// Title says what happened, in one line.
	Title string
	// Detail says why. OPTIONAL.
	Detail string
	// Advice says what to do, one step each. OPTIONAL.
	Advice []string
	// Resets adds how to make each client forget its registration.
	Resets bool
}

// reset is how a user makes a client forget its registration and its tokens.
type reset struct{ Client, How, Command string }

// resets lists the clients people use. None of them notices by itself that its
// registration is no longer good, because at this point of the flow there is no
// safe way to tell it.
var resets = []reset{
	{"Cursor", "MCP settings, this server, Logout; or in the command palette", "Cursor: Clear All MCP Tokens"},
	{"VS Code", "In the command palette", "Authentication: Remove Dynamic Authentication Providers"},
	{"Claude Code", "Run", "claude mcp logout NAME"},
	{"Claude, ChatGPT", "Disconnect this connector and connect it again", ""},
	{"Codex", "Run", "codex mcp logout NAME"},
	{"Gemini CLI", "Delete the file below, then run /mcp auth NAME", "~/.gemini/mcp-oauth-tokens*.json"},
	{"OpenCode", "Run", "opencode mcp logout NAME"},
	{"mcp-remote", "Run", "rm -rf ~/.mcp-auth"},
	{"MCP Inspector", "Start it with", "--relogin"},
}

// Fault answers with a page that says what happened and what to do.
func (s *Set) Fault(ctx *fasthttp.RequestCtx, f Fault) {
	page := struct {
		Fault
		Clients   []reset
		RequestID string
	}{Fault: f, RequestID: s.requestID(ctx)}
	if f.Resets {
		page.Clients = resets
	}
	write(ctx, f.Status, textPage, faultTemplate, view{Title: f.Title, Page: page})
}
