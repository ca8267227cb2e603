// Package metrics counts the requests of this replica and tells of them to a
// Prometheus that asks. Counting is on the path of every request, so it takes no
// lock, allocates nothing and looks up no name; all that costs is left to the
// asking, which happens a few times a minute.
//
// Every label value is a constant of this package, or the version. Nothing that a
// client wrote gets in, neither who it is nor what it asked for: the numbers are
// read by more people than the log, and each new value would be a series for ever.
//
// It knows no HTTP: what is served where, and to whom, is the router's.
package metrics

import (
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// Config is what the numbers are of. All fields are REQUIRED.
type Config struct {
	Version string // of the program
	// OpenStreams and Draining are asked at each scrape.
	OpenStreams func() int
	Draining    func() bool
}

// Metrics are the numbers of one replica.
type Metrics struct {
	cells    []cell // a power of two
	registry *prometheus.Registry
}

// New begins to count at zero.
func New(c Config) *Metrics {
	m := &Metrics{cells: newCells(), registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		requests{m},
		gauge("build_info", "Always 1; the label says which version runs.", prometheus.Labels{"version": c.Version}, func() float64 { return 1 }),
		gauge("open_streams", "Event streams that are open on this replica.", nil, func() float64 { return float64(c.OpenStreams()) }),
		gauge("draining", "1 once the replica has been told to stop, else 0.", nil, func() float64 {
			if c.Draining() {
				return 1
			}
			return 0
		}),
	)
	return m
}

func gauge(name, help string, labels prometheus.Labels, value func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: labels}, value)
}

// format is the one that everything reads which speaks to Prometheus' clients.
var format = expfmt.NewFormat(expfmt.TypeTextPlain)

// ContentType is that of what Write writes.
var ContentType = string(format)

// Write writes all numbers as they are now.
func (m *Metrics) Write(w io.Writer) error {
	families, err := m.registry.Gather()
	if err != nil {
		return fmt.Errorf("gathering the metrics: %w", err)
	}
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return fmt.Errorf("writing the metric %s: %w", family.GetName(), err)
		}
	}
	return nil
}
