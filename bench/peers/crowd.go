package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// crowd are the clients of one server's streams.
type crowd struct {
	target *target
	tokens []string
	conns  []net.Conn
}

func (c *crowd) enter(n int, session bool) (err error) {
	if c.tokens == nil {
		if c.tokens, err = c.target.prepare(callTokens); err != nil {
			return err
		}
	}
	poster := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: grace}
	defer poster.CloseIdleConnections()
	for range n {
		token := c.tokens[len(c.conns)%len(c.tokens)]
		conn, err := c.open(poster, token, session)
		if err != nil {
			return fmt.Errorf("stream %d: %w", len(c.conns)+1, err)
		}
		c.conns = append(c.conns, conn)
	}
	return nil
}

// open begins one stream. The connection is left to the kernel then: what
// arrives stays in its buffer.
func (c *crowd) open(poster *http.Client, token string, session bool) (net.Conn, error) {
	conn, err := net.Dial("tcp", c.target.addr.String())
	if err != nil {
		return nil, err
	}
	err = errors.Join(conn.SetDeadline(time.Now().Add(grace)), c.greet(conn, poster, token, session), conn.SetDeadline(time.Time{}))
	if err != nil {
		conn.Close() //nolint:errcheck // the first error counts
	}
	return conn, err
}

func (c *crowd) greet(conn net.Conn, poster *http.Client, token string, session bool) error {
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %v\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n",
		c.target.path, c.target.addr, token)
	if err != nil {
		return err
	}
	stream := bufio.NewReader(conn)
	endpoint, err := find(stream, "data: ")
	if err != nil || !session {
		return err
	}
	initialize := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"bench","version":"0"}}}`
	if err := c.say(poster, endpoint, token, initialize); err != nil {
		return err
	}
	if _, err := find(stream, `"protocolVersion"`); err != nil {
		return err
	}
	return c.say(poster, endpoint, token, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// find reads lines until one has the text and returns what follows it.
func find(r *bufio.Reader, text string) (string, error) {
	for {
		line, err := r.ReadString('\n')
		if _, rest, found := strings.Cut(line, text); found {
			return strings.TrimSpace(rest), nil
		}
		if err != nil || strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200") {
			return "", fmt.Errorf("the stream has no %s but %q: %w", text, line, errors.Join(err, errUnexpected))
		}
	}
}

func (c *crowd) say(poster *http.Client, endpoint, token, message string) error {
	r, err := http.NewRequest(http.MethodPost, "http://"+c.target.addr.String()+endpoint, bytes.NewReader([]byte(message)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := poster.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(response.Body)
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("a message is answered %s: %s", response.Status, text)
	}
	return err
}

// leave closes n connections.
func (c *crowd) leave(n int) {
	n = min(n, len(c.conns))
	for _, conn := range c.conns[:n] {
		conn.Close() //nolint:errcheck // nobody is left to tell
	}
	c.conns = c.conns[n:]
}

// noticed leaves with n and waits until the server has closed its ends.
func (c *crowd) noticed(n int) (time.Duration, error) {
	before, err := c.target.descriptors()
	if err != nil {
		return 0, err
	}
	c.leave(n)
	start := time.Now()
	for time.Since(start) < noticeLimit {
		now, err := c.target.descriptors()
		if err != nil {
			return 0, err
		}
		if now <= before-n {
			return time.Since(start), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return noticeLimit, nil
}
