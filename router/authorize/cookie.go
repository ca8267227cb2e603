package authorize

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
)

const (
	csrfCookie = "mcp-csrf"
	flowCookie = "mcp-flow-" // and 8 hex digits, one for each login under way

	// maxFlows is how many logins one browser may have under way. Each costs a
	// cookie, and a Cookie header beyond what front ends take would lock the
	// browser out of this server.
	maxFlows = 5
)

// cookieName makes a cookie one that only this host can have set: __Host- bars
// other subdomains from planting theirs. Browsers take the prefix over TLS only.
func (r *Room) cookieName(name string) string {
	if r.Site.Secure() {
		return "__Host-" + name
	}
	return name
}

// flowName returns the name of the flow cookie with this digest. It is derived,
// so that the state alone leads to its cookie among those of parallel logins.
func (r *Room) flowName(d artifact.Digest) string {
	sum := sha256.Sum256([]byte(d))
	return r.cookieName(flowCookie + hex.EncodeToString(sum[:4]))
}

// cookie returns the value of a cookie, "" when there is none. It is false when
// the browser sends two different ones: somebody has planted one of them.
func cookie(ctx *fasthttp.RequestCtx, name string) (value string, ok bool) {
	found := false
	for k, v := range ctx.Request.Header.Cookies() {
		if string(k) != name {
			continue
		}
		if found && string(v) != value {
			return "", false
		}
		value, found = string(v), true
	}
	return value, true
}

// setCookie answers with a cookie that lives as long as a login may take.
func (r *Room) setCookie(ctx *fasthttp.RequestCtx, name, value string) {
	r.writeCookie(ctx, name, value, int(artifact.LoginTime.Seconds()))
}

// dropCookie makes the browser forget a cookie.
func (r *Room) dropCookie(ctx *fasthttp.RequestCtx, name string) { r.writeCookie(ctx, name, "", 0) }

// writeCookie sets a cookie that no script reads. SameSite is Lax and not Strict
// because the provider's redirect to /callback comes from another site.
func (r *Room) writeCookie(ctx *fasthttp.RequestCtx, name, value string, maxAge int) {
	line := name + "=" + value + "; Path=/; Max-Age=" + strconv.Itoa(maxAge) + "; HttpOnly; SameSite=Lax"
	if r.Site.Secure() {
		line += "; Secure"
	}
	ctx.Response.Header.Add(fasthttp.HeaderSetCookie, line)
}

// csrf returns the secret of this browser's CSRF cookie and has the browser keep
// it. One that is there is never replaced: a second tab would make the form of
// the first one fail. It is false when the browser sends two.
func (r *Room) csrf(ctx *fasthttp.RequestCtx) (secret string, ok bool) {
	name := r.cookieName(csrfCookie)
	secret, ok = cookie(ctx, name)
	if !ok {
		return "", false
	}
	if !isSecret(secret) {
		secret = artifact.NewSecret()
	}
	r.setCookie(ctx, name, secret) // the same value again, for another ten minutes
	return secret, true
}

// isSecret says whether s has the form of artifact.NewSecret.
func isSecret(s string) bool { return len(s) == 43 && isBase64URL(s) }

func isBase64URL(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// makeRoomForFlow drops flow cookies so that one more makes no more than
// maxFlows. Browsers send the oldest first (RFC 6265 §5.4).
func (r *Room) makeRoomForFlow(ctx *fasthttp.RequestCtx) {
	var names []string
	for k := range ctx.Request.Header.Cookies() {
		if strings.HasPrefix(string(k), r.cookieName(flowCookie)) {
			names = append(names, string(k))
		}
	}
	for len(names) >= maxFlows {
		r.dropCookie(ctx, names[0])
		names = names[1:]
	}
}
