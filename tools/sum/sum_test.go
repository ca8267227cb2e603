package sum

import (
	"math"
	"testing"
)

func TestSum(t *testing.T) {
	tests := []struct {
		a, b, want float64
		text       string // "" if the sum is refused
	}{
		{2, 3, 5, "2.00 + 3.00 = 5.00"},
		{2.5, -3, -0.5, "2.50 + -3.00 = -0.50"},
		{0.1, 0.2, 0.30000000000000004, "0.10 + 0.20 = 0.30"},
		{math.MaxFloat64, math.MaxFloat64, 0, ""},
		{-math.MaxFloat64, -math.MaxFloat64, 0, ""},
	}
	for _, tt := range tests {
		got, err := sum(Input{A: tt.a, B: tt.b})
		if (err != nil) != (tt.text == "") {
			t.Errorf("%v + %v: got error %v", tt.a, tt.b, err)
		}
		if err == nil && (got.Result != tt.want || got.String() != tt.text) {
			t.Errorf("%v + %v: got %v, %q", tt.a, tt.b, got.Result, got.String())
		}
	}
}
