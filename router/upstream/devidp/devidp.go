// Package devidp is the identity provider of --dev: a real OpenID provider (zitadel/oidc) inside our process, on a
// loopback port of its own, with two users whose passwords everybody knows. It exists so that the first look at the
// server, and its tests, need nothing installed. It refuses any address that is not loopback.
//
//	devidp.go   Start, Close: the listeners, the HTTP server, who may speak to it
//	login.go    the page where alice and bob type their passwords, and their sessions
//	users.go    the two users and the one client
//	key.go      the key that signs ID tokens
//	storage.go  what zitadel/oidc asks of us (op.Storage)
//	request.go  a login in progress, as zitadel/oidc wants to see it
//	memory.go   bounded, expiring maps: everything this provider remembers, gone when it stops
//
// It knows nothing of the server that contains it: the two speak OpenID Connect over the loopback interface, as they
// would with any other provider.
package devidp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	maxRequestBody   = 64 << 10 // bytes
	maxRequestHeader = 32 << 10 // bytes
	requestTimeout   = 10 * time.Second
	idleTimeout      = 60 * time.Second
)

// Config says where the provider listens and which callbacks it serves.
type Config struct {
	// Addr is host:port, the host a loopback address or localhost. Port 0 takes a free one. The setting DEV_OIDC_ADDR.
	Addr string
	// RedirectURIs are the callbacks of its one client, compared exactly. At least one.
	RedirectURIs []string
	// Log hears of logins; nil means no log.
	Log *slog.Logger
}

// Server is a running development provider.
type Server struct {
	issuer string
	http   *http.Server
	log    *slog.Logger
	done   sync.WaitGroup // one for each listener
}

// Start listens and serves until [Server.Close]; ctx bounds the start alone. The error names DEV_OIDC_ADDR.
func Start(ctx context.Context, config Config) (*Server, error) {
	if len(config.RedirectURIs) == 0 {
		return nil, errors.New("the development identity provider has no callback to send its users to")
	}
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	listeners, port, err := listen(ctx, config.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{issuer: "http://localhost:" + port, log: log}
	handler, err := s.handler(config.RedirectURIs)
	if err != nil {
		closeAll(listeners)
		return nil, fmt.Errorf("the development identity provider cannot be set up: %w", err)
	}
	s.http = &http.Server{
		Handler:           onlyLoopbackNames(port, http.MaxBytesHandler(handler, maxRequestBody)),
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxRequestHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	for _, l := range listeners {
		s.done.Go(func() { s.serve(l) })
	}
	return s, nil
}

// Issuer is what OIDC_ISSUER is to be: http://localhost:PORT, whatever loopback address it listens on.
func (s *Server) Issuer() string { return s.issuer }

// ClientID is what OIDC_CLIENT_ID is to be.
func (s *Server) ClientID() string { return clientID }

// ClientSecret is what OIDC_CLIENT_SECRET is to be. It is no secret.
func (s *Server) ClientSecret() string { return clientSecret }

// Close stops listening, lets running requests end until ctx does, and then cuts them.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.done.Wait()
	return err
}

func (s *Server) serve(l net.Listener) {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("the development identity provider stopped", "event", "devidp_stopped", "err", err)
	}
}

// handler joins zitadel/oidc, which speaks the protocol, and our login page, to which it sends the browser.
func (s *Server) handler(redirectURIs []string) (http.Handler, error) {
	store, err := newStorage(redirectURIs)
	if err != nil {
		return nil, err
	}
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, SupportedScopes: supportedScopes}
	rand.Read(config.CryptoKey[:]) // Seals codes and access tokens; never returns an error.
	provider, err := op.NewProvider(config, store, op.StaticIssuer(s.issuer), op.WithAllowInsecure(), op.WithCORSOptions(nil))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	page := &loginPage{storage: store, provider: provider, issuer: s.issuer, log: s.log}
	page.register(mux)
	mux.Handle("/", provider)
	return mux, nil
}

// onlyLoopbackNames refuses every Host but our three. A page on the internet whose name is made to resolve to 127.0.0.1
// (DNS rebinding) would otherwise be same-origin with the login page.
func onlyLoopbackNames(port string, next http.Handler) http.Handler {
	names := map[string]bool{"localhost:" + port: true, "127.0.0.1:" + port: true, "[::1]:" + port: true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !names[r.Host] {
			http.Error(w, "this is the development identity provider; it answers to localhost only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// listen opens addr and, for the IPv4 loopback, the same port of ::1 where the machine has it: browsers try ::1 first
// for localhost, and whoever else listens there would be taken for us.
func listen(ctx context.Context, addr string) (listeners []net.Listener, port string, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", fmt.Errorf("DEV_OIDC_ADDR is not host:port: %q", addr)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if !net.ParseIP(host).IsLoopback() {
		return nil, "", fmt.Errorf("DEV_OIDC_ADDR is %q: the development identity provider listens on a loopback address only, because everybody knows its passwords", addr)
	}
	_, port, _ = net.SplitHostPort(addr)
	first, err := listenOn(ctx, host, port)
	if err != nil {
		return nil, "", err
	}
	listeners = []net.Listener{first}
	port = strconv.Itoa(first.Addr().(*net.TCPAddr).Port)
	if host != "127.0.0.1" {
		return listeners, port, nil
	}
	second, err := listenOn(ctx, "::1", port)
	switch {
	case err == nil:
		return append(listeners, second), port, nil
	case errors.Is(err, syscall.EADDRINUSE):
		closeAll(listeners)
		return nil, "", err
	}
	return listeners, port, nil // No IPv6 here: nobody can be taken for us.
}

func listenOn(ctx context.Context, host, port string) (net.Listener, error) {
	address := net.JoinHostPort(host, port)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("DEV_OIDC_ADDR: %s is taken by another program; stop it or set another port: %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("DEV_OIDC_ADDR: %w", err)
	}
	return l, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close() //nolint:errcheck // nobody is left to tell
	}
}
