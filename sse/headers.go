package sse

import (
	"bytes"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/sse/mcp"
)

// headers are the request headers this room knows. They are pieces of fasthttp's
// buffers and end with the handler.
type headers struct {
	origin, encoding, session field
	version, method, name     field
	authorization             [2][]byte // the first two: more than one is refused
	authorizations            int
	events                    bool // the client reads event streams
	mirrorsParams             bool // there may be some of paramPrefix
	hasTrailer                bool
}

// field is one header. Two lines of one header could be read differently by a
// gateway and by us, so they are counted.
type field struct {
	first []byte
	count int
}

func (f *field) add(line []byte) {
	if f.count++; f.count == 1 {
		f.first = line
	}
}

// copied is the field for the MCP room.
func (f field) copied() mcp.Header { return mcp.Header{Value: string(f.first), Count: f.count} }

// paramPrefix begins the headers that repeat a call's arguments, as fasthttp
// spells names.
const paramPrefix = "Mcp-Param-"

// trailing are the names of fields that a trailer may hold too.
var trailing = []string{fasthttp.HeaderOrigin, fasthttp.HeaderContentEncoding, sessionHeader, versionHeader, "Mcp-Method", "Mcp-Name", fasthttp.HeaderAuthorization, fasthttp.HeaderAccept}

const versionHeader = "Mcp-Protocol-Version" // as fasthttp spells it

// readHeaders finds all of them in one pass: each look-up of its own is one.
func readHeaders(h *fasthttp.RequestHeader, all *headers) {
	for name, line := range h.All() {
		all.add(name, line)
	}
	if all.hasTrailer {
		// What is announced as a trailer is not among the others, wherever it stood.
		*all = headers{}
		for _, name := range trailing {
			for _, line := range h.PeekAll(name) {
				all.add([]byte(name), line)
			}
		}
		all.mirrorsParams = true // maybe
	}
}

func (all *headers) add(name, line []byte) {
	switch string(name) {
	case fasthttp.HeaderOrigin:
		all.origin.add(line)
	case fasthttp.HeaderContentEncoding:
		all.encoding.add(line)
	case sessionHeader:
		all.session.add(line)
	case versionHeader:
		all.version.add(line)
	case "Mcp-Method":
		all.method.add(line)
	case "Mcp-Name":
		all.name.add(line)
	case fasthttp.HeaderAuthorization:
		if all.authorizations < len(all.authorization) {
			all.authorization[all.authorizations] = line
			all.authorizations++
		}
	case fasthttp.HeaderAccept:
		all.events = all.events || namesEvents(line)
	case fasthttp.HeaderTrailer:
		all.hasTrailer = true
	default:
		all.mirrorsParams = all.mirrorsParams || isParam(name)
	}
}

var eventStream = []byte("text/event-stream")

// namesEvents says whether a line of Accept names event streams.
func namesEvents(line []byte) bool {
	return bytes.Contains(line, eventStream) || bytes.Contains(bytes.ToLower(line), eventStream)
}

func isParam(name []byte) bool {
	return len(name) > len(paramPrefix) && string(name[:len(paramPrefix)]) == paramPrefix
}

// mirroredParams copies the headers Mcp-Param-*; nil if there are none.
func (v *visit) mirroredParams() map[string]mcp.Header {
	if !v.headers.mirrorsParams {
		return nil
	}
	var params map[string]mcp.Header
	for name, value := range v.http.Request.Header.All() {
		if !isParam(name) {
			continue
		}
		if params == nil {
			params = make(map[string]mcp.Header)
		}
		rest := strings.ToLower(string(name[len(paramPrefix):]))
		params[rest] = mcp.Header{Value: string(value), Count: params[rest].Count + 1}
	}
	return params
}

// versions are the ones there are: a header that names one need not be copied.
var versions = mcp.Versions()

// version is the header MCP-Protocol-Version.
func (v *visit) version() mcp.Header {
	f := v.headers.version
	if f.count == 1 {
		if i := slices.IndexFunc(versions, func(known string) bool { return known == string(f.first) }); i >= 0 {
			return mcp.Header{Value: versions[i], Count: 1}
		}
	}
	return f.copied()
}
