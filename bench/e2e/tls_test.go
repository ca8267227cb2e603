package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const publicName = "mcp.example.test"

// In production the server stands behind a front that ends TLS, under a public name: its cookies are locked to that
// host, and nothing it says comes from a request header.
func TestLoginBehindTLS(t *testing.T) {
	t.Parallel()
	f := newFront(t, roundRobin)
	base := fmt.Sprintf("https://%s:%d", publicName, f.port)
	env := append(startIdP(t, base), "SERVER_URL="+base, "HOST=127.0.0.1", "KEYS="+newKeys(), "ALLOWED_EMAIL_DOMAINS=example.com")
	cert, transport := publicSite(t)
	f.openTLS(t, cert, startReplica(t, env), startReplica(t, env))

	a := newApp(base, "alice")
	a.client.Transport, a.browser.client.Transport = transport, transport
	a.login(t)
	a.useTools(t)
	a.refresh(t)
	a.useTools(t)
	checkCookies(t, append(a.consent.cookies, a.toProvider.cookies...))
	f.spread(t)
}

// checkCookies wants every cookie locked to this host and out of reach of scripts and of other sites' requests.
func checkCookies(t *testing.T, cookies []*http.Cookie) {
	t.Helper()
	if len(cookies) < 2 {
		t.Errorf("the login sets %d cookies, want a CSRF and a flow cookie", len(cookies))
	}
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: Secure %t, HttpOnly %t, SameSite %d, Path %q, Domain %q", c.Name, c.Secure, c.HttpOnly, c.SameSite, c.Path, c.Domain)
		}
	}
}

// publicSite makes a certificate for the public name, and a client side that trusts it and finds the name on loopback.
func publicSite(t *testing.T) (tls.Certificate, *http.Transport) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: publicName}, DNSNames: []string{publicName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.Replace(addr, publicName, "127.0.0.1", 1))
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: pool}}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, transport
}
