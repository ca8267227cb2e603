package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/tools"
)

// steps is a tool that reports its progress: far enough apart that no report is
// dropped for coming too soon.
func steps() tools.Item {
	return tools.New(tools.Spec{Name: "steps", Title: "Steps", Description: "Reports three steps."},
		func(c *tools.Context, _ struct{}) (tools.Contents, error) {
			for i := range 3 {
				c.Progress(float64(i+1), 3, "")
			}
			return tools.Contents{tools.Text{Text: "done"}}, nil
		})
}

// changing is there so that clients may subscribe to changes.
func changing() tools.Item {
	return tools.New(tools.Spec{Name: "changing", Title: "Changing", Description: "Changes the tools.", Announces: tools.ToolsChanged},
		func(*tools.Context, struct{}) (tools.Contents, error) { return nil, nil })
}

// subscriptions is how many streams hear a broadcast.
const subscriptions = 1000

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"}`

// request is a POST of a client of 2026-07-28.
func (s *server) request(token, method, name, params string) string {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s,%s}}`, method, params, modernMeta)
	head := "POST /sse HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer " + token + "\r\n" +
		"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" +
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: " + method + "\r\n"
	if name != "" {
		head += "Mcp-Name: " + name + "\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// onSocket makes the server listen on a real socket too.
func (s *server) onSocket(b *testing.B) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(l) }()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.endpoint.Drain(ctx)
		if err := l.Close(); err != nil {
			b.Error(err)
		}
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(b *testing.B, addr string) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// BenchmarkStreamCall is one call over a new connection each: plain, and with
// three reports of progress.
func BenchmarkStreamCall(b *testing.B) {
	for _, c := range []struct {
		tool, arguments string
		events          int
	}{
		{"echo", `{"message":"hello"}`, 0},
		{"steps", `{}`, 4},
	} {
		b.Run(c.tool, func(b *testing.B) {
			s := newServer(b, 0)
			var tick atomic.Int64
			s.endpoint.MCP.Now = func() time.Time { return time.Unix(0, tick.Add(int64(time.Second))) }
			addr := s.onSocket(b)
			request := s.request(s.accessToken(b), "tools/call", c.tool, fmt.Sprintf(`"name":%q,"arguments":%s`, c.tool, c.arguments))
			request = strings.Replace(request, "\r\n", "\r\nConnection: close\r\n", 1)
			b.ReportAllocs()
			for b.Loop() {
				conn := dial(b, addr)
				if _, err := io.WriteString(conn, request); err != nil {
					b.Fatal(err)
				}
				answer, err := io.ReadAll(conn)
				if err != nil || bytes.Count(answer, []byte("event: message")) != c.events || !bytes.Contains(answer, []byte(`"result"`)) {
					b.Fatalf("%v: %s", err, answer)
				}
				if err := conn.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStreamBroadcast is one change until all subscriptions have it.
func BenchmarkStreamBroadcast(b *testing.B) {
	s := newServer(b, 0)
	addr := s.onSocket(b)
	request := s.request(s.accessToken(b), "subscriptions/listen", "", `"notifications":{"toolsListChanged":true}`)
	heard := make(chan struct{}, subscriptions)
	for range subscriptions {
		conn := dial(b, addr)
		b.Cleanup(func() { conn.Close() }) // the server may have closed it
		if _, err := io.WriteString(conn, request); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewReaderSize(conn, 1024)
		if response, err := http.ReadResponse(lines, nil); err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("%v %v", response, err)
		}
		go func() {
			for {
				line, err := lines.ReadSlice('\n')
				switch {
				case err != nil:
					return
				case bytes.Contains(line, []byte("list_changed")):
					heard <- struct{}{}
				}
			}
		}()
	}
	b.ReportAllocs()
	for b.Loop() {
		s.endpoint.Announce(tools.Change{Kind: tools.ToolsChanged})
		for range subscriptions {
			<-heard
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subscriptions), "ns/stream")
}
