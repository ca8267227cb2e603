package sse

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/bearer"
	"mcp-oauth-server/tools"
)

// scope is what the challenge tells a client to ask for.
const scope = "mcp:tools"

// door is the entrance to one path.
type door struct {
	path     string   // of the protected resource
	metadata string   // path of its document, for the challenge
	methods  []string // that reach the bearer check
	allow    string   // that are of use to those who pass it, as in the Allow header
}

// newDoor is the entrance to a protected resource, /sse or /mcp.
func newDoor(path, allow string, methods ...string) door {
	return door{path, "/.well-known/oauth-protected-resource" + path, methods, allow}
}

// visit is one request that has passed the door. It ends with the handler: what
// outlives it is copied.
type visit struct {
	endpoint  *Endpoint
	http      *fasthttp.RequestCtx
	headers   headers
	path      string // of the protected resource the client knows: /sse or /mcp
	id        tools.RequestID
	made      time.Time // the request was
	origin    string    // an allowed browser origin, or ""
	principal *bearer.Principal
	scope     string // of a POST: see call
	call      *call  // that serves a POST; nil if it needs none
	used      int    // bytes of room
	room      []byte // for a short answer, until it is sent
	body      []byte // a copy of the request's, if that may be used again
}

// roomSize is what most answers need, in bytes.
const roomSize = 1024

// visits are used again: nothing of one is left when its handler ends.
var visits = sync.Pool{New: func() any { return &visit{room: make([]byte, roomSize)} }}

// leave wipes a visit and hands it back.
func (v *visit) leave() {
	clear(v.room[:v.used])
	clear(v.body)
	*v = visit{room: v.room, body: v.body}
	visits.Put(v)
}

// process tells the request ids of one process from those of another.
var process = artifact.NewID()[:8]

// guard puts the door, and a net for panics, in front of a handler: a panic in
// a fasthttp handler ends the whole process and every stream with it.
func (e *Endpoint) guard(d door, next func(*visit)) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		v := visits.Get().(*visit)
		v.endpoint, v.http, v.path = e, ctx, d.path
		v.id = tools.RequestID{Process: process, Number: ctx.ID()}
		if e.RequestTime != nil {
			v.made = e.RequestTime(ctx)
		} else {
			v.made = e.Now()
		}
		readHeaders(&ctx.Request.Header, &v.headers)
		defer v.leave()
		defer func() {
			if p := recover(); p != nil {
				e.logPanic(v.id, p)
				if st := v.call.end(); st != nil { // the answer has begun
					v.handOver(st, broken(v.id))
					return
				}
				ctx.Hijack(nil) // the handler may have asked for the connection before it broke
				ctx.HijackSetNoResponse(false)
				ctx.Response.Reset()
				v.rpcError(fasthttp.StatusInternalServerError, -32603, "internal error, request "+v.id.String())
			}
		}()
		if e.enter(d, v) {
			next(v)
		}
	}
}

func (e *Endpoint) logPanic(id tools.RequestID, p any) {
	e.Log.Error("request panicked", "event", "panic", "request_id", id.String(), "err", fmt.Sprint(p), "stack", string(debug.Stack()))
}

// enter decides who gets in and answers whoever does not. In order: Host,
// Origin, preflight, method, token in the URL, bearer token.
func (e *Endpoint) enter(d door, v *visit) bool {
	ctx := v.http
	base, ok := e.Base(ctx.Host())
	if !ok {
		// A page of evil.example whose name was made to point at this machine.
		v.problem(fasthttp.StatusMisdirectedRequest, "misdirected_request", "this server does not answer to that host name")
		return false
	}
	if !e.admit(v) {
		v.problem(fasthttp.StatusForbidden, "origin_not_allowed", "this origin may not call; the operator can allow it with ALLOWED_ORIGINS")
		return false
	}
	switch {
	case ctx.IsOptions():
		d.preflight(v)
		return false
	case !slices.ContainsFunc(d.methods, func(m string) bool { return m == string(ctx.Method()) }):
		v.notAllowed(d.allow)
		return false
	}
	refusal := bearer.InQuery()
	if len(ctx.URI().QueryString()) == 0 || !ctx.QueryArgs().Has("access_token") {
		v.principal, refusal = e.Bearer.Check(v.headers.authorization[:v.headers.authorizations], v.made)
	}
	if refusal != nil {
		challenge := refusal.AppendChallenge(v.room[:0], base, d.metadata, scope) // nothing secret
		ctx.Response.Header.SetCanonical(authenticate, challenge)
		v.problem(refusal.Status, cmp.Or(refusal.Code, "unauthorized"), refusal.Description)
		return false
	}
	return true
}

// admit checks the Origin. A request without one does not come from a browser's
// page; "null" is what a sandboxed page of anybody sends.
func (e *Endpoint) admit(v *visit) bool {
	if v.headers.origin.count == 0 {
		return true
	}
	origin := string(v.headers.origin.first)
	if v.headers.origin.count > 1 || !slices.Contains(e.AllowedOrigins, origin) && !(e.LoopbackOrigins && isLoopbackOrigin(origin)) {
		return false
	}
	v.origin = origin
	for name, value := range corsHeaders(origin) {
		v.http.Response.Header.Set(name, value)
	}
	return true
}

// corsHeaders lets pages of an allowed origin read an answer.
func corsHeaders(origin string) map[string]string {
	return map[string]string{
		fasthttp.HeaderVary:                       "Origin",
		fasthttp.HeaderAccessControlAllowOrigin:   origin,
		fasthttp.HeaderAccessControlExposeHeaders: "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version",
	}
}

// isLoopbackOrigin matches http(s)://<loopback name>[:port] and nothing longer.
func isLoopbackOrigin(origin string) bool {
	rest, ok := strings.CutPrefix(origin, "http://")
	if !ok {
		if rest, ok = strings.CutPrefix(origin, "https://"); !ok {
			return false
		}
	}
	for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if port, ok := strings.CutPrefix(rest, name); ok {
			return port == "" || port[0] == ':' && isPort(port[1:])
		}
	}
	return false
}

func isPort(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 5
}

// preflight answers what a browser asks before it sends a page's request. It
// comes before the bearer check: browsers send no token with it.
func (d door) preflight(v *visit) {
	h := &v.http.Response.Header
	h.Set(fasthttp.HeaderAllow, d.allow)
	if v.origin != "" {
		h.Set(fasthttp.HeaderAccessControlAllowMethods, d.allow)
		h.Set(fasthttp.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID"+v.askedParams())
		h.Set(fasthttp.HeaderAccessControlMaxAge, "600")
	}
	v.http.SetStatusCode(fasthttp.StatusNoContent)
}

// askedParams are the headers Mcp-Param-* that a page wants to send: their names
// are those of tools' arguments, so there is no list of them.
func (v *visit) askedParams() (list string) {
	asked := string(v.http.Request.Header.Peek(fasthttp.HeaderAccessControlRequestHeaders))
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.TrimSpace(name)
		if len(name) > len(paramPrefix) && strings.EqualFold(name[:len(paramPrefix)], paramPrefix) && !strings.ContainsFunc(name, notInName) {
			list += ", " + name
		}
	}
	return list
}

// notInName: nothing but letters, digits and hyphens is echoed.
func notInName(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
}

// caller is what a tool learns of the user.
func (v *visit) caller() tools.Caller {
	p := v.principal
	return tools.Caller{
		Subject:  p.Subject,
		ClientID: string(p.ClientID),
		Scopes:   tools.Scopes(p.Scope),
		Email:    p.Email,
		Name:     p.Name,
	}
}
