package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	defaultTimeout     = 5 * time.Second
	maxBody            = 1 << 20  // bytes of an answer, after decompression
	maxHeader          = 64 << 10 // bytes of an answer's header
	maxConcurrentCalls = 64       // over all logins of this replica
)

// newClient makes the one HTTP client for everything upstream. It follows no redirect: a provider's answer may not carry
// our client secret or a user's access token to another host, nor make us call an internal one.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: &transport{
			timeout: timeout,
			slots:   make(chan struct{}, maxConcurrentCalls),
			next: &http.Transport{
				Proxy:                  http.ProxyFromEnvironment,
				ForceAttemptHTTP2:      true,
				MaxIdleConnsPerHost:    16,
				IdleConnTimeout:        60 * time.Second,
				MaxResponseHeaderBytes: maxHeader,
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport bounds each call in time, size and number. It reads the whole answer itself, so that every way in which a
// provider can fail to answer is seen and named here, and the libraries above only ever meet complete answers.
type transport struct {
	next    *http.Transport
	timeout time.Duration
	slots   chan struct{}
}

// RoundTrip implements [http.RoundTripper]. Its errors are faults.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	default:
		// A slow provider must not collect our goroutines: with the cap reached, waiting longer helps nobody.
		if request.Body != nil {
			request.Body.Close() //nolint:errcheck // never sent
		}
		return nil, unavailable("%d calls are already waiting for it", cap(t.slots))
	}
	ctx, cancel := context.WithTimeout(request.Context(), t.timeout)
	defer cancel()
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, unavailable("%s", networkReason(err))
	}
	defer response.Body.Close() //nolint:errcheck // what was needed is read
	// The limit counts decompressed bytes: net/http has already undone gzip, so a compression bomb ends here too.
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, unavailable("%s", networkReason(err))
	case len(body) > maxBody:
		return nil, refused("the answer is larger than %d bytes", maxBody)
	case response.StatusCode >= 500, response.StatusCode == http.StatusTooManyRequests, response.StatusCode == http.StatusRequestTimeout:
		return nil, unavailable("it answers status %d", response.StatusCode)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// CloseIdleConnections lets [http.Client] reach the connections of the transport inside.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }

// networkReason says what went wrong below HTTP. Only errors that cannot quote what the peer sent are given in full.
func networkReason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "the login was given up"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return e.Error()
	}
	return "the connection breaks or does not speak HTTP"
}

// getJSON fetches one JSON document, with an access token where the endpoint wants one.
func (p *Provider) getJSON(ctx context.Context, address, accessToken string, document any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return refused("its address is not a URL")
	}
	request.Header.Set("Accept", "application/json")
	if accessToken != "" {
		request.Header.Set("Authorization", "Bearer "+accessToken)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // what was needed is read
	if response.StatusCode != http.StatusOK {
		return refused("it answers status %d", response.StatusCode)
	}
	if err := json.UnmarshalRead(response.Body, document); err != nil {
		return refused("the answer is not the JSON document it should be")
	}
	return nil
}

// checkEndpoint refuses an address on which a secret or a key could be read or replaced on the way: https always, and
// http only between programs of this machine.
func checkEndpoint(address string, loopbackAllowed bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("not an absolute URL")
	case u.User != nil:
		return errors.New("a URL with a user or password in it")
	case u.Fragment != "":
		return errors.New("a URL with a fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return errors.New("neither https nor http")
	case !loopbackAllowed || !isLoopback(u.Hostname()):
		return errors.New("http, and only https is safe beyond this machine")
	}
	return nil
}

// isLoopback knows the names of this machine without asking DNS, which others may answer.
func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
