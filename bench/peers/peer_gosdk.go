package main

import (
	"context"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type echoInput struct {
	Message string `json:"message" jsonschema:"the text to send back"`
}

type echoOutput struct {
	EchoedMessage string `json:"echoed_message" jsonschema:"the text that was sent"`
}

func goSDKServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Sends a message back unchanged."},
		func(_ context.Context, _ *mcp.CallToolRequest, in echoInput) (*mcp.CallToolResult, echoOutput, error) {
			return nil, echoOutput{in.Message}, nil
		})
	return server
}

func goSDKBearer(c check, next http.Handler) http.Handler {
	return auth.RequireBearerToken(func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		id, err := c(token)
		if err != nil {
			return nil, auth.ErrInvalidToken
		}
		return &auth.TokenInfo{Scopes: id.scopes, Expiration: id.expires, UserID: id.subject}, nil
	}, &auth.RequireBearerTokenOptions{Scopes: []string{"mcp:tools"}})(next)
}

// newGoSDK is modelcontextprotocol/go-sdk 1.8 as its documentation would have a
// fast server: stateless, JSON answers, its own RequireBearerToken.
func newGoSDK(_ string, c check) (peer, error) {
	server := goSDKServer()
	return peer{handler: goSDKBearer(c, mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}))}, nil
}

// newGoSDKStreams is its HTTP+SSE transport, the one ours has too. It sends no
// heartbeats.
func newGoSDKStreams(_ string, c check) (peer, error) {
	server := goSDKServer()
	return peer{handler: goSDKBearer(c, mcp.NewSSEHandler(
		func(*http.Request) *mcp.Server { return server }, nil))}, nil
}
