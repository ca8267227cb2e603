package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A body that never ends is cut off at the size of the largest message, and costs the server no more than that.
func TestBodiesWithoutAnEnd(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	token := g.loggedIn(t, "user").tokens.AccessToken
	before, _ := g.heap(t)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat("[", 64<<10))
	for name, head := range map[string]string{
		"chunks":              "Transfer-Encoding: chunked\r\nAuthorization: Bearer " + token + "\r\n",
		"chunks of nobody":    "Transfer-Encoding: chunked\r\n",
		"a terabyte":          "Content-Length: 1099511627776\r\nAuthorization: Bearer " + token + "\r\n",
		"a terabyte, awaited": "Content-Length: 1099511627776\r\nExpect: 100-continue\r\nAuthorization: Bearer " + token + "\r\n",
	} {
		conn, err := net.Dial("tcp", g.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "POST /sse HTTP/1.1\r\nHost: localhost:%s\r\nContent-Type: application/json\r\n%s\r\n", g.watch.port, head)
		sent := 0
		for err == nil && sent < 64<<20 {
			_, err = io.WriteString(conn, chunk)
			sent += len(chunk)
		}
		// The network takes some megabytes that nobody has read.
		if err == nil || timedOut(err) || sent > 32<<20 {
			t.Errorf("%s: %d MB were taken: %v", name, sent>>20, err)
		}
	}
	eventually(t, 15*time.Second, "the memory is given back", func() error {
		if after, _ := g.heap(t); after-before > 8<<20 {
			return fmt.Errorf("the heap grew by %d KB", (after-before)>>10)
		}
		return nil
	})
	if r := g.rpcTo(t, "/sse", token, ping); r.status != http.StatusOK {
		t.Errorf("afterwards: %d", r.status)
	}
}

// Nothing that is about a login is compressed: an attacker who can add text to an answer, and sees how long it became,
// reads the rest of it.
func TestAnswersAreNotCompressed(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	a := g.untilCode(t, "user")
	every := []string{"Accept-Encoding", "gzip, deflate, br, zstd"}
	plain := func(name string, r reply, status int) {
		t.Helper()
		if r.status != status || r.header.Get("Content-Encoding") != "" || r.header.Get("Transfer-Encoding") != "" {
			t.Errorf("%s: %d, %v", name, r.status, r.header)
		}
	}
	redeemed := g.form(t, "/token", a.codeForm(), every...)
	plain("tokens", redeemed, http.StatusOK)
	decode(t, redeemed.body, &a.tokens)
	secrets.add(a.tokens.AccessToken)
	secrets.add(a.tokens.RefreshToken)
	long := callOf("1", "echo", `{"message":"`+strings.Repeat("a", 10_000)+`"}`)
	answer := g.rpcTo(t, "/sse", a.tokens.AccessToken, long, every...)
	if plain("a call", answer, http.StatusOK); !strings.Contains(answer.body, strings.Repeat("a", 10_000)) {
		t.Errorf("a call is answered %.200s", answer.body)
	}
	plain("a challenge", g.get(t, "/sse", every...), http.StatusUnauthorized)
	plain("a registration", g.tell(t, http.MethodPost, "/register", `{"redirect_uris":["https://a.example/`+strings.Repeat("a", 450)+`"]}`, append(every, "Content-Type", "application/json")...), http.StatusCreated)
	plain("the consent page", g.get(t, a.authorizePath(t), every...), http.StatusOK)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+"/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+a.tokens.AccessToken)
	request.Header.Set("Accept-Encoding", every[1])
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if endpoint := readEndpoint(t, bufio.NewReader(response.Body)); response.Header.Get("Content-Encoding") != "" || !strings.HasPrefix(endpoint, "/sse/message?") {
		t.Errorf("a stream: %v, endpoint %.40q", response.Header, endpoint)
	}
}

// A connection stays with HTTP/1.1, whatever a client proposes with its good token: what follows is read as requests,
// not as frames that a proxy on the way lets pass unseen.
func TestUpgradesAreIgnored(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	token := g.loggedIn(t, "user").tokens.AccessToken
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	proposals := map[string]string{
		"h2c":                         "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
		"h2c, as nginx passes it":     "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
		"WebSocket":                   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		"WebSocket or h2c":            "Connection: keep-alive, Upgrade\r\nUpgrade: websocket, h2c\r\n",
		"TLS":                         "Connection: Upgrade\r\nUpgrade: TLS/1.3, HTTP/1.1\r\n",
		"a method for another inside": "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n",
	}
	for name, proposal := range proposals {
		head := "POST /sse HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\n" + proposal
		post := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(ping), ping)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if statuses, _, raw := g.wire(t, post+post); fmt.Sprint(statuses) != "[200 200]" || strings.Contains(strings.ToLower(raw), "\nupgrade:") {
				t.Errorf("two requests are answered %v\n%.300s", statuses, raw)
			}
			// As a proxy sees it, an answer of 101 would begin a tunnel to the inside.
			statuses, closed, raw := g.wire(t, post+preface)
			if len(statuses) != 2 || statuses[0] != http.StatusOK || statuses[1] < 400 || statuses[1] >= 500 || !closed {
				t.Errorf("frames behind a request are answered %v, closed: %t\n%.300s", statuses, closed, raw)
			}
		})
	}
}
