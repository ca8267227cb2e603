package stockprice

import (
	"math"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 13, 0, 0, 0, time.FixedZone("CET", 3600))

func quote(t *testing.T, symbol string, roll float64) (Output, error) {
	t.Helper()
	m := market{now: func() time.Time { return noon }, roll: func() float64 { return roll }}
	return m.quote(Input{Symbol: symbol})
}

// TestQuote: the price stays within 5 % of the base and has two decimals, in
// whatever case the symbol is written.
func TestQuote(t *testing.T) {
	if len(stocks) != 10 {
		t.Fatalf("%d symbols, want 10", len(stocks))
	}
	for _, s := range stocks {
		for _, symbol := range []string{s.symbol, strings.ToLower(s.symbol), " " + s.symbol + "\n"} {
			for _, roll := range []float64{0, 0.5, math.Nextafter(1, 0)} {
				got, err := quote(t, symbol, roll)
				if err != nil {
					t.Fatal(err)
				}
				if got.Symbol != s.symbol || got.Currency != "USD" || got.LastUpdated != "2026-11-23T12:00:00Z" {
					t.Errorf("%q: got %+v", symbol, got)
				}
				if want := s.base * (0.95 + 0.1*roll); math.Abs(got.Price-want) > 0.005000001 {
					t.Errorf("%q with %v: got %v, want %v", symbol, roll, got.Price, want)
				}
				if cents := got.Price * 100; math.Abs(cents-math.Round(cents)) > 1e-6 {
					t.Errorf("%q: %v has more than two decimals", symbol, got.Price)
				}
			}
		}
	}
}

// TestUnknownSymbol: the error names every symbol there is.
func TestUnknownSymbol(t *testing.T) {
	for _, symbol := range []string{"", "XYZ", "AAP", "AAPLX", strings.Repeat("A", 10000)} {
		_, err := quote(t, symbol, 0)
		if err == nil {
			t.Fatalf("%.10q has a price", symbol)
		}
		if len(err.Error()) > 200 {
			t.Errorf("the error repeats %d bytes", len(err.Error()))
		}
		for _, s := range stocks {
			if !strings.Contains(err.Error(), s.symbol) {
				t.Errorf("%v does not name %s", err, s.symbol)
			}
		}
	}
}
