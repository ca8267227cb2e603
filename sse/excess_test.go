package sse_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"mcp-oauth-server/tools"
)

// huge is what a tool returns that has read the wrong file.
var huge = sync.OnceValue(func() string { return strings.Repeat("x", 100<<20) })

// excessive are tools that say 100 MiB, at once or in their notifications.
func excessive() []tools.Item {
	spec := func(name string) tools.Spec {
		return tools.Spec{Name: name, Title: "Too much", Description: "Says too much.", Logs: true}
	}
	return []tools.Item{
		tools.New(spec("text"), func(*tools.Context, none) (text, error) { return text{huge()}, nil }),
		tools.New(spec("nested"), func(*tools.Context, none) (struct{ Inner text }, error) {
			return struct{ Inner text }{text{huge()[:20<<20]}}, nil
		}),
		tools.New(spec("content"), func(*tools.Context, none) (tools.Contents, error) {
			return tools.Contents{tools.Text{Text: huge()}}, nil
		}),
		tools.New(spec("error"), func(*tools.Context, none) (none, error) { return none{}, errors.New(huge()) }),
		tools.New(spec("report"), func(c *tools.Context, _ none) (text, error) {
			c.Progress(1, 2, huge())
			c.Log(tools.Emergency, huge())
			return text{"reported"}, nil
		}),
	}
}

// 100 MiB from a tool never reach a client, a queue or a log: the client is told
// that it was the server's fault, and which line of the log says more.
func TestExcessiveTools(t *testing.T) {
	r := newReplica(t, newSite(t), offering(t, excessive()...))
	token := r.token(t, "alice")
	legacy := r.open(t, "/sse", token)
	huge()
	before := inUse()
	// What each may cost: nothing like the output, which is the tool's own. Only
	// what is written to be measured costs more.
	for tool, most := range map[string]int{"text": 8, "content": 8, "error": 8, "nested": 200, "report": 900} {
		r.logs.clear()
		allocated := allocations()
		bodies := map[string]string{}
		bodies["as JSON"] = r.post(t, "/sse", token, talk(1, tool, `{}`), "Accept", "application/json").body
		bodies["with events"] = r.post(t, "/sse", token, modernTalk(1, tool, `{}`), eras[1].header(tool)...).body
		r.post(t, legacy.endpoint, token, talk(1, tool, `{}`))
		answer := legacy.message(t)
		if strings.Contains(answer, "notifications/progress") { // its message is none of that revision's
			answer = legacy.message(t)
		}
		bodies["as a message of old"] = answer
		for name, body := range bodies {
			told := strings.Contains(body, `-32603`) && strings.Contains(body, "request ")
			if tool == "report" {
				told = strings.Contains(body, "reported") && !strings.Contains(body, "xxx")
			}
			if !told || len(body) > 2000 {
				t.Errorf("%s %s: %d bytes: %.200s", tool, name, len(body), body)
			}
		}
		if cost := int(allocations()-allocated) >> 20; cost > most {
			t.Errorf("%s: three calls allocated %d MiB", tool, cost)
		} else {
			t.Logf("%s: three calls allocated %d MiB", tool, cost)
		}
		if log := r.logs.String(); len(log) > 64<<10 || !strings.Contains(log, "at most") {
			t.Errorf("%s: the log has %d bytes: %.300s", tool, len(log), log)
		}
	}
	eventually(t, "the memory is given back", func() bool { return inUse()-before < 8<<20 })
}

// allocations is the bytes that were ever allocated: no peak is higher than what
// is added to them.
func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
