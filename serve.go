package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	redislog "github.com/redis/go-redis/v9/logging"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"

	"mcp-oauth-server/router/upstream/devidp"
)

const (
	// noticeTime passes between the moment the replica reports itself unready
	// and the moment it stops accepting, so that load balancers send no request
	// into a closed port.
	noticeTime = 3 * time.Second
	// drainTime bounds what happens then: requests in flight finish, streams
	// are closed. After it the process ends whatever is left.
	drainTime = 30 * time.Second

	// readTime is for a whole request, idleTime for the next one to begin, and
	// writeTime for a client to take an answer.
	readTime  = 10 * time.Second
	idleTime  = 75 * time.Second
	writeTime = 30 * time.Second

	// maxBody is for MCP messages; the other endpoints refuse much smaller ones.
	maxBody = 4 << 20
	// maxHeader holds a bearer, a long provider code, or a client_id and a state
	// in one request line.
	maxHeader = 16 << 10
)

// Run serves until SIGTERM or SIGINT and then drains. A second signal ends the
// process at once.
func (s serveCommand) Run() error {
	c, faults := s.read()
	log, err := newLogger(s.LogLevel)
	if err != nil {
		faults.add("LOG_LEVEL", "%v", err)
	}
	if len(faults) > 0 {
		return usageError{faults}
	}
	// Libraries that log on their own account quote what they handle: states,
	// codes. What we want to know of them comes back as errors.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	redislog.Disable()
	if c.Dev {
		idp, err := startDevelopmentProvider(&c, log)
		if err != nil {
			return err
		}
		defer idp.Close(context.Background()) //nolint:errcheck // the process ends; it holds nothing
	}
	c.Upstream.Now, c.Upstream.Log = time.Now, log
	house, err := build(c, log)
	if err != nil {
		return err
	}
	warn(c, log)
	return serve(c, house, log)
}

// warn says once what the operator may not expect.
func warn(c config, log *slog.Logger) {
	log.Warn("refresh tokens rotate, but reuse of an old one is not detected: that needs a shared store", "event", "start", "reuse_detection", "off")
	if c.Upstream.Issuer == "" {
		log.Warn("the identity provider is plain OAuth 2: identities come from OIDC_USER_URL and nothing is signed; set OIDC_ISSUER if it speaks OpenID Connect", "event", "start")
	}
	if c.Policy.AnyUser && !c.Site.Loopback() {
		log.Warn("everybody whom the identity provider logs in may use the tools (ALLOW_ANY_USER)", "event", "start")
	}
	if info, err := os.Stat(c.KeysFile); c.KeysFile != "" && err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("other users of this machine can read the key ring; chmod 600 it", "event", "start", "file", c.KeysFile)
	}
}

func newLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("%q is none of debug, info, warn, error", level)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}

func startDevelopmentProvider(c *config, log *slog.Logger) (*devidp.Server, error) {
	var callbacks []string
	for _, base := range c.Site.Issuers() {
		callbacks = append(callbacks, base+"/callback")
	}
	idp, err := devidp.Start(context.Background(), devidp.Config{Addr: c.DevOIDCAddr, RedirectURIs: callbacks, Log: log})
	if err != nil {
		return nil, err
	}
	c.Upstream.Issuer, c.Upstream.ClientID, c.Upstream.ClientSecret = idp.Issuer(), idp.ClientID(), idp.ClientSecret()
	return idp, nil
}

func serve(c config, h *house, log *slog.Logger) error {
	limits := newPatience(readTime, idleTime, writeTime)
	defer limits.begin()()
	public, admin := newServer(h.Handler, log), newServer(h.Admin, log)
	limits.follow(public)
	listeners, err := listen(c.Listen)
	if err != nil {
		return err
	}
	adminListener, err := net.Listen("tcp", c.AdminAddr)
	if err != nil {
		return fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)

	failed := make(chan error, len(listeners)+1) // room for all: nobody reads during a drain
	for _, l := range listeners {
		go func() { failed <- public.Serve(lazyListener{l, limits}) }()
	}
	go func() { failed <- admin.Serve(adminListener) }()
	log.Info("serving", "event", "start", "version", h.Version, "url", c.Site.URL()+"/", "listen", c.Listen, "admin", c.AdminAddr, "key_ring", h.Fingerprint)
	releaseCode(log)

	select {
	case err := <-failed:
		return err
	case first := <-stop:
		go func() { <-stop; os.Exit(exitFailure) }()
		return drain(first, h, public, admin, log)
	}
}

// listen opens all addresses. Only the first must work: the second is ::1,
// which not every machine has.
func listen(addresses []string) ([]net.Listener, error) {
	var open []net.Listener
	for i, address := range addresses {
		l, err := net.Listen("tcp", address)
		switch {
		case err == nil:
			open = append(open, l)
		case i == 0 || errors.Is(err, syscall.EADDRINUSE):
			// A stranger on ::1 would get the requests of whoever types localhost.
			return nil, fmt.Errorf("PORT: %w", err)
		}
	}
	return open, nil
}

// drain ends the replica without losing a request: unready first, then no new
// connections, then streams and requests come to their end.
func drain(first os.Signal, h *house, public, admin *fasthttp.Server, log *slog.Logger) error {
	log.Info("draining", "event", "drain", "signal", first.String())
	h.Drain()
	if first == syscall.SIGTERM {
		time.Sleep(noticeTime)
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	// The listener closes while the streams end, not after: a client that
	// reconnects must find a closed port, which it tries again, and no 503, which
	// some event sources take for the last word.
	var g errgroup.Group
	g.Go(func() error { return public.ShutdownWithContext(ctx) })
	g.Go(func() error { h.CloseStreams(ctx); return nil })
	err := errors.Join(g.Wait(), admin.ShutdownWithContext(ctx), h.Disconnect(ctx))
	log.Info("stopped", "event", "stop")
	return err
}

// newServer sets every limit of a fasthttp server on purpose: its defaults have
// no read timeout, small headers, and log a malformed request with whatever
// token stands in it.
func newServer(handler fasthttp.RequestHandler, log *slog.Logger) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      handler,
		ReadBufferSize:               maxHeader,
		MaxRequestBodySize:           maxBody,
		ReadTimeout:                  readTime,
		WriteTimeout:                 writeTime,
		IdleTimeout:                  idleTime,
		KeepHijackedConns:            true, // streams outlive their request
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		Logger:                       serverLog{log},
		ErrorHandler:                 refuse,
	}
}

// refuse answers what did not parse as a request at all.
func refuse(ctx *fasthttp.RequestCtx, err error) {
	status := fasthttp.StatusBadRequest
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status = fasthttp.StatusRequestEntityTooLarge
	case errors.As(err, &small):
		status = fasthttp.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &network) && network.Timeout():
		status = fasthttp.StatusRequestTimeout
	}
	ctx.Error(fasthttp.StatusMessage(status), status)
	ctx.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetConnectionClose()
}

// serverLog carries the HTTP server's own messages to the log, at debug: they
// are about broken connections.
type serverLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (l serverLog) Printf(format string, args ...any) {
	l.log.Debug(fmt.Sprintf(format, args...), "event", "http")
}
