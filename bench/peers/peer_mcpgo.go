package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func mcpGoServer() *server.MCPServer {
	s := server.NewMCPServer("bench", "0", server.WithToolCapabilities(false))
	s.AddTool(mcp.NewTool("echo", mcp.WithDescription("Sends a message back unchanged."),
		mcp.WithString("message", mcp.Required(), mcp.Description("the text to send back"))),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			message, err := r.RequireString("message")
			if err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			return mcp.NewToolResultStructured(echoOutput{message}, "Echo: "+message), nil
		})
	return s
}

// mcpGoBearer is the middleware that mcp-go leaves to its users.
func mcpGoBearer(c check, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		id, err := c(token)
		if !found || err != nil || !time.Now().Before(id.expires) {
			http.Error(w, "invalid token", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// newMCPGo is mark3labs/mcp-go 1.2, stateless.
func newMCPGo(_ string, c check) (peer, error) {
	return peer{handler: mcpGoBearer(c, server.NewStreamableHTTPServer(mcpGoServer(), server.WithStateLess(true)))}, nil
}

// newMCPGoStreams is its HTTP+SSE transport, with the heartbeat ours has.
func newMCPGoStreams(_ string, c check) (peer, error) {
	return peer{handler: mcpGoBearer(c, server.NewSSEServer(mcpGoServer(),
		server.WithKeepAliveInterval(heartbeat)))}, nil
}
