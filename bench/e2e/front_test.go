package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"testing"
	"time"
)

// front is a load balancer before some replicas. It passes the Host header on untouched, buffers nothing, and sends
// nothing to a replica that does not accept connections.
type front struct {
	port     int
	backends []string
	choose   func(f *front, r *http.Request) int // index of the preferred backend
	turn     atomic.Uint64
	last     atomic.Int64 // index of the backend that got the latest request
	requests []atomic.Int64
	log      logBuffer // what went wrong
}

// The two ways to choose.
var (
	roundRobin  = func(f *front, _ *http.Request) int { return int(f.turn.Add(1)) }
	sessionHash = func(f *front, r *http.Request) int {
		session := r.URL.Query().Get("session")
		if session == "" {
			return roundRobin(f, r)
		}
		h := fnv.New32a()
		h.Write([]byte(session))
		return int(h.Sum32())
	}
)

// newFront reserves a port, so that replicas can be told the front's URL before they start.
func newFront(t *testing.T, choose func(*front, *http.Request) int) *front {
	t.Helper()
	return &front{port: freePort(t), choose: choose}
}

func (f *front) url() string { return fmt.Sprintf("http://localhost:%d", f.port) }

// open starts to serve, before the given replicas.
func (f *front) open(t *testing.T, replicas ...*replica) {
	t.Helper()
	f.serve(t, nil, replicas)
}

// openTLS is open with a certificate; the replicas behind speak plain HTTP.
func (f *front) openTLS(t *testing.T, cert tls.Certificate, replicas ...*replica) {
	t.Helper()
	f.serve(t, &tls.Config{Certificates: []tls.Certificate{cert}}, replicas)
}

func (f *front) serve(t *testing.T, tlsConfig *tls.Config, replicas []*replica) {
	t.Helper()
	for _, r := range replicas {
		f.backends = append(f.backends, r.addr())
	}
	f.requests = make([]atomic.Int64, len(f.backends))
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", f.port))
	if err != nil {
		t.Fatal(err)
	}
	if tlsConfig != nil {
		listener = tls.NewListener(listener, tlsConfig)
	}
	server := &http.Server{Handler: f.handler(), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		if t.Failed() {
			t.Logf("log of the front:\n%s", f.log.String())
		}
	})
}

// backend is the context key of the address that was picked for a request.
type backend struct{}

func (f *front) handler() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.Host = p.In.Host
			p.Out.URL.Scheme, p.Out.URL.Host = "http", p.In.Context().Value(backend{}).(string)
		},
		FlushInterval: -1,
		// A new connection per request: a pooled one to a replica that was just killed would fail a request that the
		// other replica could have answered.
		Transport: &http.Transport{DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			http.Error(w, fmt.Sprintf("the front: %s %s: %v", r.Method, r.URL.Path, err), http.StatusBadGateway)
			fmt.Fprintf(&f.log, "%s %s: %v\n", r.Method, r.URL.Path, err)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, err := f.place(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		// Without this net/http closes the request's body when the response begins. The transport may be about to look
		// for its end, takes that for a failure and cuts the response: a stream that begins at once is lost
		// (golang.org/issue/40747).
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), backend{}, addr)))
	})
}

// place picks the backend of a request. A new legacy stream is given a session parameter first: the server repeats it
// in the URL of the messages, so all requests of one stream carry the same value and can be hashed. A value whose
// replica is down is not given out, or the messages would move away from the stream when that replica is back.
func (f *front) place(r *http.Request) (string, error) {
	query := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/sse" || query.Has("session") {
		return f.pick(r)
	}
	for range 100 {
		query.Set("session", rand.Text())
		r.URL.RawQuery = query.Encode()
		if preferred := f.choose(f, r) % len(f.backends); accepts(f.backends[preferred]) {
			break
		}
	}
	return f.pick(r)
}

// pick returns the chosen backend, or the next one that accepts connections.
func (f *front) pick(r *http.Request) (string, error) {
	first := f.choose(f, r)
	for i := range f.backends {
		at := (first + i) % len(f.backends)
		if accepts(f.backends[at]) {
			f.last.Store(int64(at))
			f.requests[at].Add(1)
			return f.backends[at], nil
		}
	}
	return "", errors.New("no replica accepts connections")
}

func accepts(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// spread fails the test unless every replica was given a request: a round robin that is none proves nothing.
func (f *front) spread(t *testing.T) {
	t.Helper()
	for i := range f.requests {
		if f.requests[i].Load() == 0 {
			t.Errorf("the front sent no request to replica %d", i)
		}
	}
}
