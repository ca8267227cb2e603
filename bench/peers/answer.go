package main

import (
	"bytes"
	"errors"
	"strconv"
)

// answer collects one HTTP/1.1 response. It understands what the servers of
// this comparison send: a Content-Length, or chunks without trailers.
type answer struct {
	buffer []byte
	size   int // bytes that have arrived
	head   int // length of the head with its empty line, 0 until it is complete
	body   int // length of the body, -1 if it comes in chunks
	status int
	expect []byte
}

var errAnswer = errors.New("not an answer this client understands")

func (a *answer) reset() { a.size, a.head, a.body, a.status = 0, 0, 0, 0 }

// space is where to read to.
func (a *answer) space() []byte {
	if len(a.buffer)-a.size < 4<<10 {
		a.buffer = append(a.buffer, make([]byte, 8<<10)...)
	}
	return a.buffer[a.size:]
}

// add takes n more bytes and reports whether the answer is complete.
func (a *answer) add(n int) (complete bool, err error) {
	a.size += n
	if a.head == 0 {
		if err := a.readHead(); err != nil || a.head == 0 {
			return false, err
		}
	}
	if a.body < 0 {
		return bytes.HasSuffix(a.buffer[:a.size], []byte("0\r\n\r\n")), nil
	}
	return a.size >= a.head+a.body, nil
}

func (a *answer) readHead() error {
	end := bytes.Index(a.buffer[:a.size], []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	head := a.buffer[:end+2]
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return errAnswer
	}
	a.head = end + 4
	a.status = int(head[9]-'0')*100 + int(head[10]-'0')*10 + int(head[11]-'0')
	length, found := field(head, "Content-Length: ", "content-length: ")
	if !found {
		if _, chunked := field(head, "Transfer-Encoding: chunked", "transfer-encoding: chunked"); !chunked && a.status >= 200 && a.status != 202 && a.status != 204 {
			return errAnswer
		}
		a.body = -1
		return nil
	}
	var err error
	a.body, err = strconv.Atoi(length)
	return err
}

// field finds the rest of the line that begins with one of the spellings.
func field(head []byte, spellings ...string) (string, bool) {
	for _, s := range spellings {
		if i := bytes.Index(head, []byte(s)); i > 0 && head[i-1] == '\n' {
			line, _, _ := bytes.Cut(head[i+len(s):], []byte("\r\n"))
			return string(line), true
		}
	}
	return "", false
}

func (a *answer) asExpected() bool { return bytes.Contains(a.buffer[a.head:a.size], a.expect) }

func (a *answer) text() []byte { return a.buffer[:min(a.size, 1000)] }
