package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An operator points a Prometheus at ADMIN_ADDR. Every request of a login and of the tool calls after it shows up where
// it belongs, and nothing shows up of who sent it or what was in it. The main port knows nothing of it.
func TestMetricsTellWhatHappensAndNotToWhom(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	before, _ := server.scrape(t)
	a := newApp(server.url(), "alice")
	a.login(t)
	a.useTools(t)
	a.refresh(t)
	const canary = "canary-of-the-metrics-test"
	for _, path := range []string{"/" + canary, "/authorize?client_id=" + canary, "/sse?session=" + canary, "/metrics"} {
		if _, _, err := get(server.url() + path); err != nil {
			t.Fatal(err)
		}
	}
	stolen := *a
	stolen.tokens.AccessToken = canary
	if status, _ := stolen.rpc(t, `{"jsonrpc":"2.0","id":"`+canary+`","method":"`+canary+`"}`); status != http.StatusUnauthorized {
		t.Fatalf("a made-up token: %d", status)
	}
	_, s := a.openStream(t)
	after, text := server.scrape(t)

	for series, want := range map[string]float64{
		requests("register", "2xx"):                                  1,
		requests("authorize", "2xx"):                                 1,
		requests("authorize", "400"):                                 1,
		requests("consent", "3xx"):                                   1,
		requests("callback", "3xx"):                                  1,
		requests("token", "2xx"):                                     2,
		requests("mcp", "2xx"):                                       3,
		requests("mcp", "401"):                                       1,
		requests("stream", "2xx"):                                    1,
		requests("stream", "401"):                                    1,
		requests("other", "404"):                                     2,
		requests("mcp", "500"):                                       0,
		`mcp_oauth_http_request_duration_seconds_count{route="mcp"}`: 4,
		`mcp_oauth_http_request_duration_seconds_bucket{route="mcp",le="+Inf"}`: 4,
		"mcp_oauth_open_streams": 1,
	} {
		value, told := after[series]
		if got := value - before[series]; !told || got != want {
			t.Errorf("%s went up by %v (told: %t), want %v", series, got, told, want)
		}
	}
	if took := after[durations] - before[durations]; took <= 0 || took > 60 {
		t.Errorf("the calls took %v s", took)
	}
	for _, secret := range []string{canary, "alice", a.clientID, a.tokens.AccessToken, "127.0.0.1", "localhost"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics hold %.30q", secret)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d series have become %d", len(before), len(after))
	}
	if found := secrets.in(text); found != "" || sealed.MatchString(text) {
		t.Errorf("the metrics hold a secret of the test: %.4s…", found)
	}

	s.close()
	eventually(t, 30*time.Second, "the stream is not counted any more", func() error {
		if now, _ := server.scrape(t); now["mcp_oauth_open_streams"] != 0 {
			return errors.New("it is")
		}
		return nil
	})
	checkMainPortTellsNothing(t, server)
	server.terminate(t)
	eventually(t, 3*time.Second, "the metrics say that the replica goes", func() error {
		if now, _ := server.scrape(t); now["mcp_oauth_draining"] != 1 {
			return errors.New("they do not")
		}
		return nil
	})
}

const durations = `mcp_oauth_http_request_duration_seconds_sum{route="mcp"}`

func requests(route, code string) string {
	return fmt.Sprintf("mcp_oauth_http_requests_total{code=%q,route=%q}", code, route)
}

// scrape reads the metrics: the value of each series, and all of the text.
func (r *replica) scrape(t *testing.T) (values map[string]float64, text string) {
	t.Helper()
	status, text, err := get(r.adminURL() + "/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatalf("/metrics: %d, %v", status, err)
	}
	values = make(map[string]float64)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		if values[line[:end]], err = strconv.ParseFloat(line[end+1:], 64); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return values, text
}

func checkMainPortTellsNothing(t *testing.T, server *replica) {
	t.Helper()
	for _, path := range []string{"/metrics", "/metrics/", "/debug/pprof/"} {
		status, body, err := get(server.url() + path)
		if err != nil || status != http.StatusNotFound || strings.Contains(body, "mcp_oauth_") {
			t.Errorf("%s on the main port: %d, %v", path, status, err)
		}
	}
}
