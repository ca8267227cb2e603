package mcp

import "context"

func (s *Server) handle(ctx context.Context, r Request) Reply {
	return Reply{Outcome: BadRequest, Body: []byte(`{"jsonrpc":"2.0","error":{"code":-32601,"message":"method not found"}}`)}
}
