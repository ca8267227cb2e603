//go:build !race && !portable

package sse_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// An idle stream is a struct, its places in some maps, and a bare descriptor.
// What the runtime keeps for a net.Conn would double that, and nobody waits for it.
func TestIdleStreamsAreSmall(t *testing.T) {
	const n, budget = 1000, 700 // bytes
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	r.open(t, "/sse", token) // whatever is made once is made
	memory, sockets := inUse(), countSockets(t)
	clients := make([]int, n)
	for i := range clients {
		clients[i] = r.openBare(t, token)
	}
	eventually(t, "a stream has one descriptor, and its client one", func() bool { return countSockets(t) == sockets+2*n })
	if each := (inUse() - memory) / n; each > budget {
		t.Errorf("%d bytes each", each)
	}
	for _, fd := range clients {
		syscall.Close(fd)
	}
	eventually(t, "the descriptors are given back", func() bool { return r.OpenStreams() == 1 && countSockets(t) == sockets })
}

// openBare opens a stream from a client that is a descriptor, and nothing on the
// heap.
func (r *replica) openBare(t testing.TB, token string) (fd int) {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp4", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err != nil {
		t.Fatal(err)
	}
	if err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	request := "GET /sse HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	if _, err = syscall.Write(fd, []byte(request)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 16)
	if _, err = syscall.Read(fd, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 200 OK") {
		t.Fatalf("%q %v", head, err)
	}
	return fd
}

func countSockets(t testing.TB) (n int) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%s", f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
