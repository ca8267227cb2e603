package router

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// FuzzAmbiguous holds the guard against a plain reading of the bytes: what it
// lets through has every header on a line of its own, one way to say where its
// body ends, and no character that a proxy takes for another part of the URL.
func FuzzAmbiguous(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\nX: 1\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.9\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"GET http://c/ HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r fasthttp.Request
		if r.Header.Read(bufio.NewReaderSize(bytes.NewReader(raw), 1<<16)) != nil || ambiguous(&r.Header) {
			return
		}
		for leading := true; leading && len(raw) > 0; { // lines before the request are no part of it
			leading = raw[0] == '\r' || raw[0] == '\n'
			if leading {
				raw = raw[1:]
			}
		}
		head := string(raw)
		if end := headEnd(head); end >= 0 {
			head = head[:end]
		}
		chunked, lengths := false, 0
		for i, line := range strings.Split(head, "\n") {
			line = strings.TrimSuffix(line, "\r")
			name, _, _ := strings.Cut(line, ":")
			switch {
			case i == 0:
				if strings.Contains(line, "#") {
					t.Fatalf("a fragment: %q", line)
				}
			case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
				t.Fatalf("a folded line: %q", raw)
			case strings.EqualFold(name, "Transfer-Encoding"):
				chunked = true
			case strings.EqualFold(name, "Content-Length"):
				lengths++
			}
		}
		if chunked && lengths > 0 && r.Header.ContentLength() == -1 {
			t.Fatalf("framed twice: %q", raw)
		}
		if strings.ContainsAny(string(r.Header.Host()), "@/\\?#") {
			t.Fatalf("a host with more in it: %q", r.Header.Host())
		}
	})
}

// headEnd is where the empty line begins.
func headEnd(s string) int {
	crlf, lf := strings.Index(s, "\n\r\n"), strings.Index(s, "\n\n")
	switch {
	case crlf < 0:
		return lf
	case lf < 0:
		return crlf
	}
	return min(crlf, lf)
}
