package router

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestRemoteBelievesTrustedProxiesOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer, forwarded, want string
		trusted                     []netip.Prefix
	}{
		{"no header", "203.0.113.7:5000", "", "203.0.113.7", trusted},
		{"a stranger's header", "203.0.113.7:5000", "198.51.100.1", "203.0.113.7", trusted},
		{"no proxy is trusted", "10.0.0.1:5000", "198.51.100.1", "10.0.0.1", nil},
		{"one proxy", "10.0.0.1:5000", "198.51.100.1", "198.51.100.1", trusted},
		{"two proxies", "10.0.0.1:5000", "198.51.100.1, 10.2.3.4", "198.51.100.1", trusted},
		{"a line of the client's and one of the proxy's", "10.0.0.1:5000", "127.0.0.1|198.51.100.1", "198.51.100.1", trusted},
		{"what the client made up stands left", "10.0.0.1:5000", "127.0.0.1, 198.51.100.1", "198.51.100.1", trusted},
		{"only proxies", "10.0.0.1:5000", "10.9.9.9", "10.9.9.9", trusted},
		{"no address", "10.0.0.1:5000", "unknown", "10.0.0.1", trusted},
		{"no address behind a proxy", "10.0.0.1:5000", "198.51.100.1, <script>", "10.0.0.1", trusted},
		{"IPv6", "[fd00::1]:5000", "2001:db8::1", "2001:db8::1", trusted},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:5000", "198.51.100.1", "198.51.100.1", trusted},
	} {
		t.Run(c.name, func(t *testing.T) {
			peer, err := net.ResolveTCPAddr("tcp", c.peer)
			if err != nil {
				t.Fatal(err)
			}
			var ctx fasthttp.RequestCtx
			var req fasthttp.Request
			for line := range strings.SplitSeq(c.forwarded, "|") {
				req.Header.Add(fasthttp.HeaderXForwardedFor, line)
			}
			ctx.Init(&req, peer, nil)
			if got := (Remote{Trusted: c.trusted}).Addr(&ctx); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
