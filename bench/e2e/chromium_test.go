package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A form filler cannot see a Content-Security-Policy, a Referrer-Policy or SameSite: a real browser logs in, first
// without a session at the provider, then with one, when it is asked for consent and for nothing else.
func TestLoginInChromium(t *testing.T) {
	t.Parallel()
	need(t, "chromium")

	t.Run("development provider", func(t *testing.T) {
		chromiumLogsInTwice(t, startDevServer(t))
	})
	// 127.0.0.1 is another site than localhost: what comes back from there is cross-site.
	t.Run("provider on another site", func(t *testing.T) {
		server := newReplica(t, nil)
		server.env = append(server.env, startIdP(t, server.url())...)
		server.start(t)
		chromiumLogsInTwice(t, server)
	})
}

func chromiumLogsInTwice(t *testing.T, server *replica) {
	t.Helper()
	callback := listenForCallback(t)
	tab := openChromium(t)
	for round, wantSignIn := range []bool{true, false} {
		a := newApp(server.url(), "alice")
		a.redirect = callback.url
		a.register(t)
		a.verifier, a.state = "a-verifier-that-is-long-enough-for-RFC-7636-0123456789", fmt.Sprintf("state-%d-of-chromium", round)
		signedIn := tab.login(t, a.authorizeURL(), callback)
		if signedIn != wantSignIn {
			t.Errorf("round %d: the provider asked for a password: %t, want %t", round+1, signedIn, wantSignIn)
		}
		answer := callback.wait(t)
		if answer.Get("error") != "" || answer.Get("state") != a.state || answer.Get("iss") != server.url() {
			t.Fatalf("round %d: the client is told %q %q, iss %q", round+1, answer.Get("error"), answer.Get("error_description"), answer.Get("iss"))
		}
		a.code = answer.Get("code")
		a.redeem(t)
		a.useTools(t)
	}
	tab.checkConsole(t)
}

// chromium is one tab of a fresh profile.
type chromium struct {
	ctx context.Context
	mu  sync.Mutex
	log []string
}

func openChromium(t *testing.T) *chromium {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
	}
	for _, flag := range []string{
		"no-sandbox", "disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-dev-shm-usage", "disable-default-apps", "disable-extensions",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	tab := &chromium{ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			tab.mu.Lock()
			tab.log = append(tab.log, fmt.Sprint(message))
			tab.mu.Unlock()
		}
	}()
	return tab
}

// login opens the authorization URL and plays the user with real clicks until the client has its answer. It reports
// whether the provider asked for a password.
func (c *chromium) login(t *testing.T, start string, callback *clientCallback) (signedIn bool) {
	t.Helper()
	c.do(t, "opening the authorization URL", chromedp.Navigate(start), chromedp.WaitVisible(chromedp.CSS(`button[name=action][value=approve]`)))
	c.do(t, "approving", chromedp.Click(chromedp.CSS(`button[name=action][value=approve]`)))
	for {
		switch c.next(t, callback) {
		case "password":
			signedIn = true
			c.do(t, "signing in",
				chromedp.SendKeys(chromedp.CSS(`input[name=username], input[name=login]`), "alice"),
				chromedp.SendKeys(chromedp.CSS(`input[type=password]`), "alice"),
				chromedp.Click(chromedp.CSS(`form button`)))
		case "button":
			c.do(t, "continuing", chromedp.Click(chromedp.CSS(`form button`)))
		default:
			return signedIn
		}
	}
}

// next waits for the provider's next page that was not answered yet, or for the client's callback page. A page that
// was answered is marked, since it stays for a moment after the click.
func (c *chromium) next(t *testing.T, callback *clientCallback) (kind string) {
	t.Helper()
	const look = `(() => {
		if (location.href.startsWith("CALLBACK")) return "callback"
		if (document.readyState !== "complete" || window.answered || !document.querySelector("form button")) return ""
		if (document.querySelector("button[value=approve]")) return ""
		window.answered = true
		return document.querySelector("input[type=password]") ? "password" : "button"
	})()`
	expression := strings.Replace(look, "CALLBACK", callback.url, 1)
	eventually(t, 20*time.Second, "Chromium comes to the provider or back to the client", func() error {
		var err error
		if kind, err = chromedp.Run(c.ctx, chromedp.Evaluate[string](expression)); err == nil && kind == "" {
			where, _ := chromedp.Run(c.ctx, chromedp.Location())
			u, _ := url.Parse(where)
			err = fmt.Errorf("it stays at %s%s; console: %v", u.Host, u.Path, c.console())
		}
		return err
	})
	return kind
}

func (c *chromium) do(t *testing.T, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v; console: %v", what, err, c.console())
	}
}

func (c *chromium) console() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.log...)
}

// checkConsole fails the test when the browser had to stop something that one of our pages wanted to do.
func (c *chromium) checkConsole(t *testing.T) {
	t.Helper()
	for _, message := range c.console() {
		if strings.Contains(message, "Content Security Policy") || strings.Contains(message, "Refused to") {
			t.Errorf("Chromium says: %s", message)
		}
	}
}

// clientCallback is the loopback page on which a desktop client waits for its code.
type clientCallback struct {
	url     string
	answers chan url.Values
}

func listenForCallback(t *testing.T) *clientCallback {
	t.Helper()
	port := freePort(t)
	c := &clientCallback{url: fmt.Sprintf("http://localhost:%d/callback", port), answers: make(chan url.Values, 4)}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		c.answers <- r.URL.Query()
		fmt.Fprint(w, "You may close this window.")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return c
}

func (c *clientCallback) wait(t *testing.T) url.Values {
	t.Helper()
	select {
	case answer := <-c.answers:
		secrets.add(answer.Get("code"))
		return answer
	case <-time.After(10 * time.Second):
		t.Fatal("the client is not called back")
		return nil
	}
}
