package mcp

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// defaultLogLevel is for clients of the 2025 revisions that never said.
const defaultLogLevel = tools.Info

// logLevel is the least severe level the client wants to hear of; beyond the
// most severe one if it wants none.
func (x *exchange) logLevel() tools.Level {
	switch {
	case x.modern:
		if level := readLevel(x.meta.get(metaLogLevel)); level != 0 {
			return level
		}
		return tools.Emergency + 1
	case x.Session != nil && x.Session.LogLevel != 0:
		return tools.Level(x.Session.LogLevel)
	}
	return defaultLogLevel
}

var levelNames = strings.Join(tools.Levels[:], ", ")

// readLevel reads the name of a level; 0 if it is none.
func readLevel(raw jsontext.Value) tools.Level {
	name, ok := stringOf(raw)
	for i, level := range tools.Levels {
		if ok && level == name {
			return tools.Level(i + 1)
		}
	}
	return 0
}

// setLevel answers logging/setLevel. The server keeps nothing, so the level
// becomes part of the session: of the legacy stream, or of a new Mcp-Session-Id
// in the answer. A client of Streamable HTTP that goes on with its first id, or
// without one, hears of info and what is more severe.
func (s *Server) setLevel(_ context.Context, x *exchange) (any, *Error) {
	level := readLevel(x.params.get("level"))
	if level == 0 {
		return nil, invalidParams("level must be one of " + levelNames)
	}
	if x.Session != nil {
		changed := *x.Session
		changed.LogLevel = uint8(level)
		x.opened = &changed
	}
	return struct{}{}, nil
}
