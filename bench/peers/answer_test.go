package main

import (
	"strings"
	"testing"
)

// feed gives an answer to the parser in two parts, cut at every place.
func feed(t *testing.T, text string, cut int) (*answer, bool, error) {
	t.Helper()
	a := &answer{expect: []byte("hello")}
	a.reset()
	complete := false
	for _, part := range []string{text[:cut], text[cut:]} {
		if part == "" {
			continue
		}
		if complete {
			t.Fatalf("complete after %q", text[:cut])
		}
		n := copy(a.space(), part)
		var err error
		if complete, err = a.add(n); err != nil {
			return a, false, err
		}
	}
	return a, complete, nil
}

func TestAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"length":     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
		"lower case": "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
		"chunked":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			for cut := range len(text) {
				a, complete, err := feed(t, text, cut)
				if err != nil || !complete || a.status != 200 || !a.asExpected() {
					t.Fatalf("cut at %d: complete %v, status %d, %v", cut, complete, a.status, err)
				}
			}
			if _, complete, err := feed(t, text[:len(text)-1], 0); complete || err != nil {
				t.Errorf("complete without the last byte, %v", err)
			}
		})
	}
}

func TestAnswerRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"another protocol": "SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n",
		"no length":        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello",
		"a bad length":     "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
	} {
		if _, _, err := feed(t, text, 0); err == nil {
			t.Errorf("%s is taken for an answer", name)
		}
	}
}

// A long answer must not be cut to the size of the first buffer.
func TestAnswerGrows(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 49_995) + "hello"
	a := &answer{expect: []byte("hello")}
	a.reset()
	for len(text) > 0 {
		n := copy(a.space(), text)
		text = text[n:]
		complete, err := a.add(n)
		if err != nil || complete != (text == "") {
			t.Fatalf("complete %v with %d bytes to come, %v", complete, len(text), err)
		}
	}
	if !a.asExpected() {
		t.Error("the end of the answer is missing")
	}
}
