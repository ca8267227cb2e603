// Package upstreamtest is a real OpenID provider for tests: it speaks discovery, the code flow with PKCE S256 and nonce,
// userinfo and a key set over HTTP, approves every login as one fixed user without asking, and misbehaves on request.
// Only tests import it.
//
//	server.go     the provider: Start, New, and what a test asks it (Hits, Rotate)
//	faults.go     the ways it misbehaves
//	endpoints.go  the protocol
//	tokens.go     ID tokens and the key set
package upstreamtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Endpoint is one URL of the provider.
type Endpoint string

// The endpoints, for [Faults.Answers] and [Server.Hits].
const (
	Discovery Endpoint = "/.well-known/openid-configuration"
	Authorize Endpoint = "/authorize"
	Token     Endpoint = "/token"
	Userinfo  Endpoint = "/userinfo"
	Keys      Endpoint = "/keys"
)

// Server is a running provider.
type Server struct {
	// Issuer, ClientID and ClientSecret are what a relying party needs to be told.
	Issuer, ClientID, ClientSecret string

	server   *http.Server
	listener net.Listener
	closed   chan struct{} // ends answers that never come
	once     sync.Once

	mu      sync.Mutex // guards what follows
	faults  Faults
	hits    map[Endpoint]int
	keys    []signingKey // the last one signs
	logins  map[string]login
	granted map[string]bool // access tokens that userinfo accepts
}

type signingKey struct {
	id      string
	private *ecdsa.PrivateKey
}

// login is what the provider remembers between the authorization request and the token request.
type login struct{ redirectURI, challenge, nonce string }

// New starts a provider on a free loopback port and stops it when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a provider at addr, a loopback host:port. The issuer is http://host:port.
func Start(addr string) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Issuer:       "http://" + listener.Addr().String(),
		ClientID:     "relying-party",
		ClientSecret: "relying party's secret/+:%",
		listener:     listener,
		closed:       make(chan struct{}),
		hits:         map[Endpoint]int{},
		logins:       map[string]login{},
		granted:      map[string]bool{},
	}
	s.Rotate(false)
	s.server = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener)
	return s, nil
}

// Close stops the provider and cuts every connection.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		s.server.Close()
	})
}

// Set replaces the faults; Set(Faults{}) makes the provider behave again.
func (s *Server) Set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Hits counts the requests that reached an endpoint.
func (s *Server) Hits(e Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits[e]
}

// Rotate makes the provider sign with a new key. The old one stays in the key set when keepOld.
func (s *Server) Rotate(keepOld bool) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // The random source of the machine is broken; no test means anything then.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !keepOld {
		s.keys = nil
	}
	s.keys = append(s.keys, signingKey{id: fmt.Sprintf("key-%s", rand.Text()[:8]), private: private})
}

func (s *Server) current() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}
