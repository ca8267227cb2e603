package echo_test

import (
	"log/slog"
	"testing"

	"mcp-oauth-server/tools"
	"mcp-oauth-server/tools/echo"
)

func TestEcho(t *testing.T) {
	registry, err := tools.NewRegistry(echo.Tool())
	if err != nil {
		t.Fatal(err)
	}
	got, err := registry.Call(t.Context(), tools.Call{
		Name: "echo", Arguments: []byte(`{"message":"hello"}`), Log: slog.Default(),
	})
	if err != nil || got.Text != "Echo: hello" || string(got.Structured) != `{"echoed_message":"hello"}` {
		t.Errorf("got %+v, %v", got, err)
	}
}
