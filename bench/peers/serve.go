package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// peer is a server this program can be: `peers serve NAME ADDR ADMIN`.
type peer struct {
	handler http.Handler            // on net/http, or
	fast    fasthttp.RequestHandler // on fasthttp
	// prepare returns n things to send, one a line: the forms of token requests
	// with one-time codes, or bearer tokens.
	prepare func(n int) ([]string, error)
}

// peers are the servers of Go; those of Node.js are in node/.
var peers = map[string]func(base string) (peer, error){
	"go-oauth2":      newGoOAuth2,
	"fosite":         newFosite,
	"zitadel":        newZitadel,
	"zitadel-map":    newZitadelMap,
	"raw-signature":  newRawSignature,
	"static":         newStatic,
	"go-sdk-jwt":     withJWT(newGoSDK),
	"go-sdk-map":     withMap(newGoSDK),
	"mcp-go-jwt":     withJWT(newMCPGo),
	"mcp-go-map":     withMap(newMCPGo),
	"go-sdk-streams": withMap(newGoSDKStreams),
	"mcp-go-streams": withMap(newMCPGoStreams),
	"nethttp":        newNetHTTPStreams,
}

// serve is the whole life of a peer's process.
func serve(name, addr, admin string) error {
	build, known := peers[name]
	if !known {
		return fmt.Errorf("there is no peer named %q", name)
	}
	p, err := build("http://" + addr)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() {
		failed <- (&http.Server{Addr: admin, Handler: adminOf(p), ReadHeaderTimeout: time.Minute}).ListenAndServe()
	}()
	go func() { failed <- p.serve(addr) }()
	return <-failed
}

func (p peer) serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if p.fast != nil {
		s := &fasthttp.Server{Handler: p.fast, ReadBufferSize: 16 << 10, NoDefaultServerHeader: true}
		return s.Serve(l)
	}
	return (&http.Server{Handler: p.handler, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// adminOf is the second listener: what the bench needs and no request pays for.
func adminOf(p peer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/free", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	mux.HandleFunc("/prepare", func(w http.ResponseWriter, r *http.Request) {
		lines, err := p.prepared(r.URL.Query().Get("n"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for _, line := range lines {
			io.WriteString(w, line+"\n") //nolint:errcheck // the bench sees a short list
		}
	})
	return mux
}

func (p peer) prepared(n string) ([]string, error) {
	count, err := strconv.Atoi(n)
	if err != nil || p.prepare == nil {
		return nil, errors.Join(err, errors.New("nothing to prepare"))
	}
	return p.prepare(count)
}
