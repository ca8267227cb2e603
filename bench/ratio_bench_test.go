package bench

import (
	"slices"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

// ratio compares two operations. must is the most that it may be, in its unit.
type ratio struct {
	name, unit  string
	must, scale float64
	ours, other func()
}

// BenchmarkRatio shows how far the vault is from the floor, and what refusing
// costs beside opening. Rounds of both sides take turns, so that a slow spell of
// the machine falls on both, and the medians are compared.
func BenchmarkRatio(b *testing.B) {
	for _, r := range ratios(b) {
		b.Run(r.name, r.run)
	}
}

func (r ratio) run(b *testing.B) {
	var ours, other []float64
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			ours = append(ours, round(r.ours))
			other = append(other, round(r.other))
		} else {
			other = append(other, round(r.other))
			ours = append(ours, round(r.ours))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours), "ours-ns")
	b.ReportMetric(median(other), "other-ns")
	b.ReportMetric(r.scale*median(ours)/median(other), r.unit)
	b.ReportMetric(r.must, "must")
}

// round runs op for a millisecond and returns the nanoseconds of one.
func round(op func()) float64 {
	start, n := time.Now(), 0
	for time.Since(start) < time.Millisecond {
		for range 8 {
			op()
		}
		n += 8
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

func ratios(b *testing.B) []ratio {
	v, symmetric := newVault(b), newVault(b)
	symmetric.Algorithm = jose.HS256
	code, access, accessHS256 := letters(v)[3], letters(v)[4], letters(symmetric)[4]

	const outer = `{"alg":"dir","cty":"JWT","enc":"A256GCM","kid":"AAAAAAAA.20000"}`
	digest := string(artifact.DigestOf("client"))
	accessText := `{"sub":"` + subject.Subject + `","iss":"` + serverURL + `","aud":"` + serverURL + `/sse","client_id":"` + digest +
		`","scope":"mcp:tools","sid":"` + artifact.NewID() + `"`
	// The version as a text is a character longer than the number, so the scope is one shorter.
	codeText := `{"v":"","sub":"` + subject.Subject + `","c":"` + digest + `","r":"` + digest + `","p":"` + challenge +
		`","o":"mcp:tool","a":"` + serverURL + `/sse"`
	floorEdDSA := newFloor(b, outer, `{"alg":"EdDSA","kid":"AAAAAAAA","typ":"at+jwt"}`, accessText, true)
	floorHS256 := newFloor(b, outer, `{"alg":"HS256","typ":"at+jwt"}`, accessText, false)
	floorCode := newFloor(b, outer, `{"alg":"HS256","typ":"mcp-code"}`, codeText, false)

	var rows []ratio
	for _, r := range []struct {
		name  string
		must  float64
		ours  letter
		floor *floor
	}{
		{"AccessEdDSA", 1.15, access, floorEdDSA},
		{"AccessHS256", 1.5, accessHS256, floorHS256},
		{"Code", 1.5, code, floorCode},
	} {
		theirs := r.floor.letter()
		sameSize(b, r.ours, theirs)
		rows = append(rows,
			ratio{"Mint" + r.name, "x-floor", r.must, 1, mints(b, r.ours), mints(b, theirs)},
			ratio{"Open" + r.name, "x-floor", r.must, 1, opens(b, r.ours), opens(b, theirs)})
	}
	return append(rows,
		ratio{"RefuseForgedFloor", "x-floor", 1.5, 1, refuses(b, access, forged(b, access)), refuses(b, floorEdDSA.letter(), forged(b, floorEdDSA.letter()))},
		ratio{"RefuseForged", "%-of-open", 2, 100, refuses(b, access, forged(b, access)), opens(b, access)},
		ratio{"RefuseForeign", "%-of-open", 2, 100, refuses(b, access, mustMint(b, letters(newVault(b))[4])), opens(b, access)})
}

// sameSize makes sure that both sides encrypt, sign and encode as many bytes.
func sameSize(b *testing.B, ours, floor letter) {
	b.Helper()
	if o, f := len(mustMint(b, ours)), len(mustMint(b, floor)); o != f {
		b.Fatalf("%s has %d characters, its floor %d", ours.name, o, f)
	}
}

func mustMint(b *testing.B, l letter) string {
	b.Helper()
	token, err := l.mint()
	if err != nil {
		b.Fatal(err)
	}
	return token
}

// forged is a token of l with one character of its sealed text changed.
func forged(b *testing.B, l letter) string {
	b.Helper()
	token := mustMint(b, l)
	changed := byte('A')
	if token[len(token)-30] == changed {
		changed = 'B'
	}
	return token[:len(token)-30] + string(changed) + token[len(token)-29:]
}

func mints(b *testing.B, l letter) func() {
	return func() { mustMint(b, l) }
}

func opens(b *testing.B, l letter) func() {
	token := mustMint(b, l)
	return func() {
		if err := l.open(token); err != nil {
			b.Fatal(err)
		}
	}
}

func refuses(b *testing.B, l letter, token string) func() {
	return func() {
		if l.open(token) == nil {
			b.Fatal("opened")
		}
	}
}
