package metrics

import "github.com/prometheus/client_golang/prometheus"

const namespace = "mcp_oauth"

var (
	requestsTotal = prometheus.NewDesc(namespace+"_http_requests_total",
		"HTTP requests answered, by route and status; 4xx and 5xx are the statuses without a series of their own. "+
			"An event stream is counted when its handler returns: one that a GET or a subscription opens when it is open, "+
			"one that a tool call has turned into when the tool is done. What does not parse as a request is not counted.",
		[]string{"route", "code"}, nil)
	requestDuration = prometheus.NewDesc(namespace+"_http_request_duration_seconds",
		"Time from a request read to its answer ready to be sent. Of an event stream it is the time until its handler returns: "+
			"until it is open, or until the tool is done that it is the answer of.",
		[]string{"route"}, nil)
)

// requests is the side of Metrics that tells what the cells have counted. All
// series are there from the start, and their number never changes.
type requests struct{ *Metrics }

// Describe implements prometheus.Collector.
func (r requests) Describe(out chan<- *prometheus.Desc) {
	out <- requestsTotal
	out <- requestDuration
}

// Collect implements prometheus.Collector.
func (r requests) Collect(out chan<- prometheus.Metric) {
	for route, name := range routeNames {
		s := r.sum(Route(route))
		for code, n := range s.codes {
			out <- prometheus.MustNewConstMetric(requestsTotal, prometheus.CounterValue, float64(n), name, codes[code])
		}
		out <- prometheus.MustNewConstHistogram(requestDuration, s.total(), s.took.Seconds(), s.within(), name)
	}
}
