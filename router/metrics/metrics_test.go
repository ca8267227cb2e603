package metrics

import (
	"bytes"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads the numbers as a Prometheus does.
func scrape(t *testing.T, m *Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	var text bytes.Buffer
	if err := m.Write(&text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// labels writes them as name=value, sorted.
func labels(m *dto.Metric) string {
	var pairs []string
	for _, l := range m.GetLabel() {
		pairs = append(pairs, l.GetName()+"="+l.GetValue())
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

func TestExposition(t *testing.T) {
	open, draining := 3, false
	m := New(Config{Version: "v1.2.3", OpenStreams: func() int { return open }, Draining: func() bool { return draining }})
	m.Count(1, MCP, 200, 8*time.Microsecond)
	m.Count(2, MCP, 200, 20*time.Millisecond)
	m.Count(3, MCP, 500, time.Minute)
	families := scrape(t, m)

	total := families[namespace+"_http_requests_total"]
	if total.GetType() != dto.MetricType_COUNTER || len(total.Metric) != int(routes)*len(codes) {
		t.Errorf("%v, %d series", total.GetType(), len(total.Metric))
	}
	for _, series := range total.Metric {
		want := map[string]float64{"code=2xx route=mcp": 2, "code=500 route=mcp": 1}[labels(series)]
		if got := series.GetCounter().GetValue(); got != want {
			t.Errorf("%s: %v, want %v", labels(series), got, want)
		}
	}
	for _, series := range families[namespace+"_http_request_duration_seconds"].Metric {
		if labels(series) == "route=mcp" {
			checkDurations(t, series.GetHistogram())
		} else if n := series.GetHistogram().GetSampleCount(); n != 0 {
			t.Errorf("%s: %d", labels(series), n)
		}
	}
	if info := families[namespace+"_build_info"].Metric[0]; labels(info) != "version=v1.2.3" || info.GetGauge().GetValue() != 1 {
		t.Errorf("build info: %v", info)
	}
	checkGauges(t, families, 3, 0)
	open, draining = 0, true
	checkGauges(t, scrape(t, m), 0, 1)
}

// checkDurations wants requests of 8 µs, 20 ms and a minute.
func checkDurations(t *testing.T, h *dto.Histogram) {
	t.Helper()
	if h.GetSampleCount() != 3 || math.Abs(h.GetSampleSum()-60.020008) > 1e-9 || len(h.Bucket) != len(bounds)+1 {
		t.Errorf("%d requests in %d buckets took %v", h.GetSampleCount(), len(h.Bucket), h.GetSampleSum())
	}
	for _, b := range h.Bucket {
		want := uint64(1)
		if b.GetUpperBound() >= 0.03 {
			want = 2
		}
		if math.IsInf(b.GetUpperBound(), 1) {
			want = 3
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("within %v s: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
}

func checkGauges(t *testing.T, families map[string]*dto.MetricFamily, open, draining float64) {
	t.Helper()
	for name, want := range map[string]float64{"_open_streams": open, "_draining": draining} {
		if got := families[namespace+name].Metric[0].GetGauge().GetValue(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A dashboard is built on these names; each of ours says what it is. More series
// than a few hundred would be noticed by who has to keep them.
func TestNamesAndTheirNumber(t *testing.T) {
	series := 0
	var ours []string
	families := scrape(t, newMetrics())
	for _, name := range slices.Sorted(maps.Keys(families)) {
		family := families[name]
		if strings.HasPrefix(name, namespace) {
			ours = append(ours, strings.TrimPrefix(name, namespace))
			if family.GetHelp() == "" {
				t.Errorf("%s has no help", name)
			}
		} else if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is neither ours nor the runtime's", name)
		}
		for _, m := range family.Metric {
			series++
			if buckets := m.GetHistogram().GetBucket(); buckets != nil {
				series += len(buckets) + 1
			}
		}
	}
	if want := []string{"_build_info", "_draining", "_http_request_duration_seconds", "_http_requests_total", "_open_streams"}; !slices.Equal(ours, want) {
		t.Errorf("%q", ours)
	}
	for _, name := range []string{"go_goroutines", "go_memstats_heap_inuse_bytes"} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if series > 500 {
		t.Errorf("%d series", series)
	}
}

// BenchmarkWrite is what a scrape costs.
func BenchmarkWrite(b *testing.B) {
	m := newMetrics()
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
