package pages

import (
	"encoding/base64"
	"html/template"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// serverName is what the snippets call this server inside a client.
const serverName = "mcp-oauth-server"

// entry is a server in a client's configuration. The clients differ in which
// keys they know.
type entry struct {
	Name      string `json:"name,omitempty"`
	Type      string `json:"type,omitempty"`
	Transport string `json:"transport,omitempty"`
	URL       string `json:"url"`
}

// installs says for each client how to connect it to a resource.
func installs(resource string) []install {
	return []install{
		cursor(resource),
		vscode(resource),
		{
			Name: "Claude Code",
			Steps: []step{
				{"In a terminal:", "claude mcp add --transport http " + serverName + " " + resource},
				{"Then sign in, or use /mcp inside Claude Code:", "claude mcp login " + serverName},
			},
		},
		{
			Name: "Codex",
			Steps: []step{
				{"In a terminal:", "codex mcp add " + serverName + " --url " + resource},
				{"Then sign in:", "codex mcp login " + serverName},
			},
		},
		{
			Name: "Gemini CLI",
			Steps: []step{
				{"In a terminal:", "gemini mcp add --transport http " + serverName + " " + resource},
				{"Then, inside Gemini CLI, sign in:", "/mcp auth " + serverName},
			},
		},
		{
			Name:  "Any client that only starts local programs: mcp-remote",
			Steps: []step{{"Have the client run:", "npx -y mcp-remote " + resource + " --auth-timeout 120"}},
			Note:  "--auth-timeout gives you two minutes to sign in; --transport sse-only forces the older transport.",
		},
		{
			Name: "MCP Inspector, to try it out",
			Steps: []step{
				{"In a terminal:", "npx @modelcontextprotocol/inspector"},
				{"Then connect, with the transport Streamable HTTP, to:", resource},
			},
		},
	}
}

func cursor(resource string) install {
	config := base64.StdEncoding.EncodeToString([]byte(encode(entry{URL: resource})))
	return install{
		Name:     "Cursor",
		Link:     template.URL("cursor://anysphere.cursor-deeplink/mcp/install?name=" + serverName + "&config=" + url.QueryEscape(config)), //nolint:gosec // G203: made of our own words and escaped
		LinkText: "Add to Cursor",
		Steps: []step{{
			"Or paste this into ~/.cursor/mcp.json, or .cursor/mcp.json of a project:",
			indented(map[string]any{"mcpServers": map[string]entry{serverName: {Transport: "sse", URL: resource}}}),
		}},
		Note: `Today's Cursor ignores "transport": it tries a POST (Streamable HTTP) first and falls back to the older transport. Write "type": "sse" instead to force HTTP+SSE.`,
	}
}

func vscode(resource string) install {
	server := encode(entry{Name: serverName, Type: "http", URL: resource})
	return install{
		Name:     "VS Code",
		Link:     template.URL("vscode:mcp/install?" + url.QueryEscape(server)), //nolint:gosec // G203: made of our own words and escaped
		LinkText: "Add to VS Code",
		Steps: []step{
			{"Or in a terminal:", "code --add-mcp '" + server + "'"},
			{"Or paste this into .vscode/mcp.json:", indented(map[string]any{"servers": map[string]entry{serverName: {Type: "http", URL: resource}}})},
		},
	}
}

func indented(v any) string { return encode(v, jsontext.WithIndent("  ")) }

func encode(v any, options ...json.Options) string {
	text, err := json.Marshal(v, options...)
	if err != nil {
		panic("pages: " + err.Error()) // our own types
	}
	return string(text)
}
