package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Nobody gets to the tools but by one access token in one Authorization header, from an origin and by a name that may.
func TestTheDoorOfTheResource(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	a := g.loggedIn(t, "user")
	token := a.tokens.AccessToken
	post := func(t *testing.T, path string, headers ...string) reply {
		t.Helper()
		return g.tell(t, http.MethodPost, path, ping, append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	// challenged checks a 401 or 400 and its challenge (RFC 6750 §3, RFC 9728 §5.1).
	challenged := func(t *testing.T, r reply, status int, code string) {
		t.Helper()
		challenge := r.header.Get("WWW-Authenticate")
		if r.status != status || !strings.HasPrefix(challenge, `Bearer resource_metadata="`+g.base+`/.well-known/oauth-protected-resource`) || !strings.Contains(challenge, `scope="mcp:tools"`) {
			t.Errorf("%d %q, want %d and a challenge", r.status, challenge, status)
		}
		if got := strings.Contains(challenge, "error="); got != (code != "") || code != "" && !strings.Contains(challenge, `error="`+code+`"`) {
			t.Errorf("challenge %q, want error %q", challenge, code)
		}
		if strings.Contains(r.body, "jsonrpc") {
			t.Errorf("a message was read before the bearer: %s", r.body)
		}
	}

	t.Run("no token", func(t *testing.T) {
		for _, path := range []string{"/sse", "/sse/", "/mcp", "/mcp/", "/sse/message", "/sse/message?stream=x"} {
			challenged(t, post(t, path), 401, "")
			challenged(t, g.tell(t, http.MethodPost, path, "not json at all"), 401, "")
		}
		challenged(t, g.get(t, "/sse"), 401, "")
		if c := post(t, "/mcp").header.Get("WWW-Authenticate"); !strings.Contains(c, `/oauth-protected-resource/mcp"`) {
			t.Errorf("the challenge of /mcp is %q", c)
		}
	})
	t.Run("in the wrong place", func(t *testing.T) {
		challenged(t, post(t, "/sse?access_token="+token), 400, "invalid_request")
		challenged(t, post(t, "/sse?access_token="+token, "Authorization", "Bearer "+token), 400, "invalid_request")
		challenged(t, post(t, "/sse", "Cookie", "access_token="+token), 401, "")
		challenged(t, g.form(t, "/sse", "access_token="+token), 401, "")
		challenged(t, post(t, "/sse", "X-Forwarded-Access-Token", token, "Proxy-Authorization", "Bearer "+token), 401, "")
	})
	t.Run("malformed", func(t *testing.T) {
		for value, want := range map[string]struct {
			status int
			code   string
		}{
			"Bearer":                                {400, "invalid_request"},
			"Bearer  " + token:                      {400, "invalid_request"},
			"Bearer\t" + token:                      {400, "invalid_request"},
			"Bearer " + token + "," + token:         {400, "invalid_request"},
			"Bearer " + token + ", Bearer " + token: {400, "invalid_request"},
			"Bearer " + token + " x":                {400, "invalid_request"},
			"Bearer \"" + token + "\"":              {400, "invalid_request"},
			"Bearer x=y=z":                          {400, "invalid_request"},
			"Bearer é":                              {400, "invalid_request"},
			token:                                   {401, ""},
			"Basic " + token:                        {401, ""},
			"DPoP " + token:                         {401, ""},
			"Token " + token:                        {401, ""},
			"Bearer x":                              {401, "invalid_token"},
			"Bearer ....":                           {401, "invalid_token"},
			"Bearer eyJhbGciOiJub25lIn0.e30.":       {401, "invalid_token"},
			"Bearer " + strings.Repeat("a.", 5000):  {401, "invalid_token"},
			"Bearer " + token[:strings.LastIndex(token, ".")]: {401, "invalid_token"},
			"Bearer " + a.tokens.RefreshToken:                 {401, "invalid_token"},
			"Bearer " + a.clientID:                            {401, "invalid_token"},
		} {
			r := post(t, "/sse", "Authorization", value)
			if r.status != want.status {
				t.Errorf("%.30q: %d, want %d", value, r.status, want.status)
			}
			challenged(t, r, want.status, want.code)
		}
		challenged(t, post(t, "/sse", "Authorization", "Bearer "+token, "Authorization", "Bearer "+token), 400, "invalid_request")
		challenged(t, post(t, "/sse", "Authorization", "Bearer "+token, "Authorization", "Basic x"), 400, "invalid_request")
		if r := post(t, "/sse", "Authorization", "bEARER "+token); r.status != http.StatusOK {
			t.Errorf("schemes have no letter case (RFC 9110 §11.1): %d", r.status)
		}
	})
	t.Run("a token of another deployment", func(t *testing.T) {
		foreign, _ := attackBehind(t)
		challenged(t, post(t, "/sse", "Authorization", "Bearer "+foreign.loggedIn(t, "user").tokens.AccessToken), 401, "invalid_token")
	})
	t.Run("origins", func(t *testing.T) {
		for _, origin := range []string{"https://evil.example", "null", "", "http://localhost.evil.example", "http://localhost:80x", "http://localhost/", "file://", g.base + ".evil.example", "http://127.0.0.2", "localhost", "http://user@localhost", "HTTP://localhost"} {
			for _, method := range []string{"POST", "GET", "OPTIONS", "DELETE"} {
				r := g.tell(t, method, "/sse", "not even JSON", "Origin", origin, "Authorization", "Bearer "+token)
				if r.status != http.StatusForbidden || r.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s from origin %q: %d, allowed %q", method, origin, r.status, r.header.Get("Access-Control-Allow-Origin"))
				}
			}
		}
		r := post(t, "/sse", "Authorization", "Bearer "+token, "Origin", g.base, "Origin", "https://evil.example")
		if r.status != http.StatusForbidden {
			t.Errorf("two origins: %d", r.status)
		}
		r = post(t, "/sse", "Authorization", "Bearer "+token, "Origin", "http://localhost:6274")
		if r.status != http.StatusOK || r.header.Get("Access-Control-Allow-Origin") != "http://localhost:6274" || r.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("a page on this machine: %d %v", r.status, r.header)
		}
	})
	t.Run("names of the server", func(t *testing.T) {
		for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:" + g.watch.port, "0.0.0.0", "127.1", "localhost.", "[::2]", "2130706433"} {
			for _, path := range []string{"/sse", "/authorize", "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/sse", "/", "/token", "/register"} {
				r := g.get(t, path, "Host", host, "Authorization", "Bearer "+token)
				if r.status != http.StatusMisdirectedRequest || strings.Contains(r.body, "evil.example") {
					t.Errorf("%s as %s: %d %.100s", path, host, r.status, r.body)
				}
			}
		}
	})
	t.Run("forwarding headers do not name the server", func(t *testing.T) {
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/sse", "/jwks.json", "/"} {
			plain := g.get(t, path)
			forged := g.get(t, path, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "Forwarded", "host=evil.example;proto=https", "X-Forwarded-Prefix", "/evil", "X-Original-URL", "/evil", "X-Rewrite-URL", "/evil")
			if plain.status != http.StatusOK || plain.body != forged.body {
				t.Errorf("%s follows a forwarding header", path)
			}
			if query := g.get(t, path+"?utm=1"); query.body != plain.body {
				t.Errorf("%s follows its query", path)
			}
		}
	})
	t.Run("other methods and bodies", func(t *testing.T) {
		auth := []string{"Authorization", "Bearer " + token}
		for _, method := range []string{"PUT", "PATCH", "DELETE", "HEAD", "TRACE", "QUERY"} {
			if r := g.tell(t, method, "/sse", "", auth...); r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") == "" {
				t.Errorf("%s: %d, Allow %q", method, r.status, r.header.Get("Allow"))
			}
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "application/json; charset=utf-16", "application/json-rpc", ""} {
			if r := g.tell(t, http.MethodPost, "/sse", ping, append([]string{"Content-Type", kind}, auth...)...); r.status != http.StatusUnsupportedMediaType {
				t.Errorf("Content-Type %q: %d", kind, r.status)
			}
		}
		for _, coding := range []string{"gzip", "identity", "br, gzip"} {
			if r := post(t, "/sse", append([]string{"Content-Encoding", coding}, auth...)...); r.status != http.StatusUnsupportedMediaType {
				t.Errorf("Content-Encoding %q: %d", coding, r.status)
			}
		}
	})
}

// A message means one thing, or it is refused: no second reading for a gateway, a logger or a filter on the way.
func TestMessagesHaveOneReading(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	token := g.loggedIn(t, "user").tokens.AccessToken
	code := func(r reply) int {
		var answer struct {
			Error struct{ Code int } `json:"error"`
		}
		_ = json.Unmarshal([]byte(r.body), &answer)
		return answer.Error.Code
	}
	const call = `"jsonrpc":"2.0","id":1,"method":"tools/call"`
	const executed = "EXECUTED"
	params := `"params":{"name":"echo","arguments":{"message":"` + executed + `"}}`

	t.Run("refused", func(t *testing.T) {
		for name, body := range map[string]string{
			"Method": `{"jsonrpc":"2.0","id":1,"Method":"tools/call",` + params + `}`, "METHOD beside it": `{` + call + `,"METHOD":"ping",` + params + `}`,
			"Params": `{` + call + `,"Params":{"name":"echo","arguments":{"message":"` + executed + `"}}}`, "a long s": `{` + call + `,"param\u017f":{"name":"echo"},` + params + `}`,
			"method with NUL": `{"jsonrpc":"2.0","id":1,"method\u0000":"tools/call",` + params + `}`, "method with a space": `{"jsonrpc":"2.0","id":1,"method ":"tools/call",` + params + `}`,
			"method twice": `{` + call + `,"method":"ping",` + params + `}`, "params twice": `{` + call + `,` + params + `,` + params + `}`, "id twice": `{"id":2,` + call + `,` + params + `}`,
			"name twice": `{` + call + `,"params":{"name":"sum","name":"echo","arguments":{"message":"` + executed + `"}}}`, "Name": `{` + call + `,"params":{"name":"echo","Name":"sum","arguments":{"message":"` + executed + `"}}}`,
			"Arguments":       `{` + call + `,"params":{"name":"echo","Arguments":{"message":"` + executed + `"},"arguments":{"message":"` + executed + `"}}}`,
			"an escaped twin": `{` + call + `,"m\u0065thod":"ping",` + params + `}`, "another member": `{` + call + `,` + params + `,"extra":1}`,
			"jsonrpc 1.0": `{"jsonrpc":"1.0","id":1,"method":"tools/call",` + params + `}`, "no jsonrpc": `{"id":1,"method":"tools/call",` + params + `}`, "jsonrpc as number": `{"jsonrpc":2.0,"id":1,"method":"tools/call",` + params + `}`,
			"id null": `{"jsonrpc":"2.0","id":null,"method":"tools/call",` + params + `}`, "id float": `{"jsonrpc":"2.0","id":1.5,"method":"tools/call",` + params + `}`, "id object": `{"jsonrpc":"2.0","id":{},"method":"tools/call",` + params + `}`,
			"id 1e999": `{"jsonrpc":"2.0","id":1e999,"method":"tools/call",` + params + `}`, "id too large": `{"jsonrpc":"2.0","id":99999999999999999999,"method":"tools/call",` + params + `}`, "id true": `{"jsonrpc":"2.0","id":true,"method":"tools/call",` + params + `}`,
			"no id": `{"jsonrpc":"2.0","method":"tools/call",` + params + `}`, "request and response": `{` + call + `,` + params + `,"result":{}}`,
			"two documents": `{` + call + `,` + params + `}{` + call + `,` + params + `}`, "trailing junk": `{` + call + `,` + params + `}]`, "byte order mark": "\ufeff{" + call + "," + params + "}",
			"invalid UTF-8": "{" + call + ",\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":\"" + executed + "\xff\"}}}", "half a surrogate": `{` + call + `,"params":{"name":"echo","arguments":{"message":"` + executed + `\ud800"}}}`,
			"comments": `{` + call + `/**/,` + params + `}`, "NaN": `{` + call + `,"params":{"name":"echo","arguments":NaN}}`, "params as array": `{` + call + `,"params":["echo"]}`, "method as array": `{"jsonrpc":"2.0","id":1,"method":["tools/call"],` + params + `}`,
			"nested deeply": strings.Repeat("[", 10000) + strings.Repeat("]", 10000), "nested in params": `{` + call + `,"params":{"name":"echo","arguments":{"message":"` + executed + `","x":` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200) + `}}}`,
			"nothing": "", "null": "null", "a string": `"tools/call"`, "a number": "1", "cut off": `{` + call + `,` + params[:20], "an empty batch": "[]", "a batch": `[{` + call + `,` + params + `}]`,
		} {
			r := g.rpcTo(t, "/sse", token, body, "MCP-Protocol-Version", "2025-11-25")
			if c := code(r); r.status != http.StatusBadRequest || c != -32600 && c != -32700 {
				t.Errorf("%s: %d %.200s", name, r.status, r.body)
			}
			if strings.Contains(r.body, executed) {
				t.Errorf("%s was executed", name)
			}
		}
	})
	t.Run("5 MB", func(t *testing.T) {
		body := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("a", 5<<20) + `"}}`
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.base+"/sse", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		// The server closes the connection with the rest unread; a client that is still writing may see only that.
		response, err := g.client.Do(request)
		if err == nil && response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", response.StatusCode)
		}
		if err == nil {
			response.Body.Close()
		}
	})
	t.Run("two messages in one batch of the revision that has them", func(t *testing.T) {
		r := g.rpcTo(t, "/sse", token, `[`+ping+strings.Repeat(`,`+ping, 40)+`]`, "MCP-Protocol-Version", "2025-03-26")
		if r.status != http.StatusBadRequest {
			t.Errorf("41 messages at once: %d", r.status)
		}
	})
	t.Run("headers that mirror the body", func(t *testing.T) {
		const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
		body := `{` + call + `,"params":{"name":"echo","arguments":{"message":"` + executed + `"},` + meta + `}}`
		good := []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "echo"}
		if r := g.rpcTo(t, "/sse", token, body, good...); r.status != http.StatusOK || !strings.Contains(r.body, executed) {
			t.Fatalf("the good one: %d %s", r.status, r.body)
		}
		for name, headers := range map[string][]string{
			"another method": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list", "Mcp-Name", "echo"}, "another name": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "sum"},
			"other letter case": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "Tools/Call", "Mcp-Name", "echo"}, "no method": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Name", "echo"}, "no name": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call"},
			"no version": {"Mcp-Method", "tools/call", "Mcp-Name", "echo"}, "another version": {"MCP-Protocol-Version", "2025-11-25", "Mcp-Method", "tools/call", "Mcp-Name", "echo"},
			"the version twice": append(slices.Clone(good), "MCP-Protocol-Version", "2026-07-28"), "the method twice": append(slices.Clone(good), "Mcp-Method", "tools/call"), "the name twice": append(slices.Clone(good), "Mcp-Name", "echo"),
			"upper-case marker": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "=?BASE64?ZWNobw==?="}, "bad base64": {"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "=?base64?ZWNobw?="},
		} {
			if r := g.rpcTo(t, "/sse", token, body, headers...); r.status != http.StatusBadRequest || code(r) != -32020 || strings.Contains(r.body, executed) || !strings.Contains(r.body, `"id":1`) {
				t.Errorf("%s: %d %.200s", name, r.status, r.body)
			}
		}
		if r := g.rpcTo(t, "/sse", token, strings.Replace(body, "2026-07-28", "2099-01-01", 1), "MCP-Protocol-Version", "2099-01-01", "Mcp-Method", "tools/call", "Mcp-Name", "echo"); r.status != http.StatusBadRequest || code(r) != -32022 || !strings.Contains(r.body, "2026-07-28") {
			t.Errorf("a version of the future: %d %.200s", r.status, r.body)
		}
		if r := g.rpcTo(t, "/sse", token, ping, "MCP-Protocol-Version", "1999-01-01"); r.status != http.StatusBadRequest {
			t.Errorf("a version of the past: %d %.200s", r.status, r.body)
		}
		unknown := `{"jsonrpc":"2.0","id":1,"method":"evil/method","params":{` + meta + `}}`
		if r := g.rpcTo(t, "/sse", token, unknown, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "evil/method"); r.status != http.StatusNotFound || code(r) != -32601 {
			t.Errorf("an unknown method: %d %.200s", r.status, r.body)
		}
		if r := g.rpcTo(t, "/sse", "x", unknown, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "evil/method"); r.status != http.StatusUnauthorized {
			t.Errorf("an unknown method without a good token: %d", r.status)
		}
		bare := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
		if r := g.rpcTo(t, "/sse", token, bare, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list"); r.status != http.StatusBadRequest || code(r) != -32602 {
			t.Errorf("_meta without capabilities: %d %.200s", r.status, r.body)
		}
		if r := g.rpcTo(t, "/sse", token, body, append(good, "Mcp-Session-Id", "anything")...); r.status != http.StatusOK || r.header.Get("Mcp-Session-Id") != "" {
			t.Errorf("a session id in a revision without sessions: %d, echoed %q", r.status, r.header.Get("Mcp-Session-Id"))
		}
	})
	t.Run("answers are never crossed", func(t *testing.T) {
		var crossed atomic.Int64
		flood(2000, func(i int) {
			marker := fmt.Sprintf("marker-%d-%s", i, strings.Repeat(string(rune('a'+i%26)), i%300))
			r := g.rpcTo(t, "/sse", token, `{`+call+`,"params":{"name":"echo","arguments":{"message":"`+marker+`"}}}`, "MCP-Protocol-Version", "2025-11-25")
			if !strings.Contains(r.body, `"`+marker+`"`) || strings.Count(r.body, "marker-") != strings.Count(r.body, marker) {
				crossed.Add(1)
			}
		})
		if n := crossed.Load(); n > 0 {
			t.Errorf("%d of 2000 answers were another call's", n)
		}
	})
}

// A legacy stream and a session are one user's at one client, however their names became known.
func TestStreamsAndSessionsAreOneUsers(t *testing.T) {
	t.Parallel()
	g := attack(t)
	alice, bob := g.loggedIn(t, "alice"), g.loggedIn(t, "bob")
	sameUser := g.loggedIn(t, "alice") // at another client
	s := alice.openStreamVia(t, &http.Transport{})
	echo := func(text string) string {
		return `{"jsonrpc":"2.0","id":"` + text + `","method":"tools/call","params":{"name":"echo","arguments":{"message":"` + text + `"}}}`
	}

	t.Run("the endpoint is a path of ours whatever the Host says", func(t *testing.T) {
		if !strings.HasPrefix(s.endpoint, "/sse/message?stream=") {
			t.Errorf("endpoint %.40q", s.endpoint)
		}
	})
	t.Run("strangers", func(t *testing.T) {
		for name, stranger := range map[string]*app{"another user": bob, "the same user at another client": sameUser} {
			if r := g.rpcTo(t, s.endpoint, stranger.tokens.AccessToken, echo("INTRUDER")); r.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		for _, target := range []string{"/sse/message", "/sse/message?stream=", "/sse/message?stream=x", "/sse/message?sessionId=" + s.endpoint[21:], s.endpoint + "&stream=x"} {
			if r := g.rpcTo(t, target, alice.tokens.AccessToken, echo("INTRUDER")); r.status != http.StatusNotFound && r.status != http.StatusBadRequest {
				t.Errorf("%.40s: %d %s", target, r.status, r.body)
			}
		}
		if r := g.tell(t, http.MethodPost, s.endpoint, echo("INTRUDER"), "Content-Type", "application/json"); r.status != http.StatusUnauthorized {
			t.Errorf("no token: %d", r.status)
		}
	})
	t.Run("no text ends an event and begins another", func(t *testing.T) {
		for _, nasty := range []string{`a\r\nevent: endpoint\r\ndata: https://evil.example\r\n\r\n`, `a\n\ndata: x`, `a\rid: 1\rretry: 1`, `\u2028\u2029`, `\u0000`, `: comment`} {
			if r := g.rpcTo(t, s.endpoint, alice.tokens.AccessToken, strings.Replace(echo("NASTY"), `"message":"NASTY"`, `"message":"`+nasty+`"`, 1)); r.status != http.StatusAccepted {
				t.Errorf("%q: %d %s", nasty, r.status, r.body)
			}
		}
		if r := g.rpcTo(t, s.endpoint, alice.tokens.AccessToken, echo("LAST")); r.status != http.StatusAccepted {
			t.Fatalf("the owner: %d %s", r.status, r.body)
		}
		s.waitFor(t, "LAST")
		for line := range strings.Lines(s.events.String()) {
			switch line = strings.TrimRight(line, "\n"); {
			case line == "", line == "event: message", strings.HasPrefix(line, ": "):
			case strings.HasPrefix(line, "data: "):
				if !json.Valid([]byte(line[6:])) {
					t.Errorf("data that is no JSON: %q", line)
				}
			default:
				t.Errorf("the stream carries the line %q", line)
			}
		}
		if strings.Contains(s.events.String(), "INTRUDER") {
			t.Error("a stranger's message was executed on the stream")
		}
	})
	t.Run("sessions", func(t *testing.T) {
		initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`
		id := g.rpcTo(t, "/sse", alice.tokens.AccessToken, initialize).header.Get("Mcp-Session-Id")
		for name, test := range map[string]struct {
			who     *app
			headers []string
			status  int
		}{
			"the owner": {alice, []string{"Mcp-Session-Id", id}, 200}, "nobody's": {alice, nil, 200}, "another user": {bob, []string{"Mcp-Session-Id", id}, 404}, "another client": {sameUser, []string{"Mcp-Session-Id", id}, 404},
			"guessed": {alice, []string{"Mcp-Session-Id", "1"}, 404}, "twice": {alice, []string{"Mcp-Session-Id", id, "Mcp-Session-Id", id}, 404}, "long": {alice, []string{"Mcp-Session-Id", strings.Repeat("a", 5000)}, 404},
		} {
			if r := g.rpcTo(t, "/sse", test.who.tokens.AccessToken, ping, test.headers...); r.status != test.status {
				t.Errorf("%s: %d, want %d", name, r.status, test.status)
			}
		}
		if r := g.tell(t, http.MethodPost, "/sse", ping, "Content-Type", "application/json", "Mcp-Session-Id", id); r.status != http.StatusUnauthorized {
			t.Errorf("a session id instead of a token: %d", r.status)
		}
	})
	t.Run("what to resume from is not taken from the client", func(t *testing.T) {
		for _, last := range []string{"1", "../../etc", strings.Repeat("9", 4000), "é"} {
			transport := &http.Transport{}
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+"/sse", nil)
			request.Header.Set("Authorization", "Bearer "+alice.tokens.AccessToken)
			request.Header.Set("Last-Event-ID", last)
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("Last-Event-ID %.10q: %d", last, response.StatusCode)
			}
		}
	})
	t.Run("a flood of messages on one stream", func(t *testing.T) {
		var odd atomic.Int64
		flood(500, func(i int) {
			if r := g.rpcTo(t, s.endpoint, alice.tokens.AccessToken, echo(fmt.Sprintf("flood-%d", i))); r.status != http.StatusAccepted && r.status != http.StatusTooManyRequests {
				odd.Add(1)
			}
		})
		if odd.Load() > 0 {
			t.Errorf("%d of 500 messages were neither accepted nor told to wait", odd.Load())
		}
	})
	t.Run("the stream of somebody who left", func(t *testing.T) {
		gone := bob.openStreamVia(t, &http.Transport{})
		gone.close()
		eventually(t, 40*time.Second, "the stream is gone", func() error {
			if r := g.rpcTo(t, gone.endpoint, bob.tokens.AccessToken, ping); r.status != http.StatusNotFound {
				return fmt.Errorf("%d", r.status)
			}
			return nil
		})
	})
}
