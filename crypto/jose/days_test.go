package jose_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/jose"
)

// The day in a kid is untrusted: which days open, by kind.
func TestDays(t *testing.T) {
	week := jose.Profile{Kind: "refresh", Type: "mcp-refresh", Days: 8, Max: 4096}
	careless := jose.Profile{Kind: "careless", Type: "mcp-careless", Days: 0, Max: 4096}
	tests := []struct {
		profile jose.Profile
		days    int // of the minting, relative to the opening
		opens   bool
	}{
		{sealed, 0, true},
		{sealed, 1, true},
		{sealed, 2, false},
		{sealed, -1, true},
		{sealed, -2, false},
		{sealed, -400, false},
		{access, 0, true},
		{access, 1, true},
		{access, 2, false},
		{access, -1, true},
		{access, -2, false},
		{week, 1, true},
		{week, 2, false},
		{week, -8, true},
		{week, -9, false},
		{careless, -1, true},
		{careless, -2, false},
		{forever, 1, true},
		{forever, 2, false},
		{forever, -1, true},
		{forever, -400, true},
		{forever, -20000, true},
		{forever, 100000, false},
	}
	r := newRing(t, issuer, secretA)
	for _, tt := range tests {
		token := seal(t, r, tt.profile, "x", noon.AddDate(0, 0, tt.days))
		if tt.opens {
			mustOpen(t, r, tt.profile, token, "x", noon)
		} else {
			mustRefuse(t, r, tt.profile, token, jose.ErrUnknownKey, noon)
		}
	}
}

// Minted a second before midnight, opened a second after, and the reverse on a
// replica whose clock is behind.
func TestMidnight(t *testing.T) {
	midnight := time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)
	before, after := midnight.Add(-time.Second), midnight.Add(time.Second)
	if jose.Today(before)+1 != jose.Today(after) {
		t.Fatal("a day does not begin at midnight UTC")
	}
	r := newRing(t, issuer, secretA)
	for _, p := range profiles {
		mustOpen(t, r, p, seal(t, r, p, "x", before), "x", after)
		mustOpen(t, r, p, seal(t, r, p, "x", after), "x", before)
	}
	// The zone of the clock makes no difference.
	tokyo := time.FixedZone("JST", 9*60*60)
	if jose.Today(before.In(tokyo)) != jose.Today(before) {
		t.Error("the day depends on the zone")
	}
}

// A kid has one spelling. Every one of these is sealed with the key of today,
// so only the spelling of the day or the name of the ring can refuse it.
func TestKidSpellings(t *testing.T) {
	r := newRing(t, issuer, secretA, secretB)
	day := strconv.Itoa(jose.Today(noon))
	id := r.ID(0)
	kids := map[string]string{
		"empty":                 "",
		"no day":                id,
		"empty day":             id + ".",
		"plus":                  id + ".+" + day,
		"minus":                 id + ".-" + day,
		"minus zero":            id + ".-0",
		"minus one":             id + ".-1",
		"leading zero":          id + ".0" + day,
		"space before":          id + ". " + day,
		"space after":           id + "." + day + " ",
		"hexadecimal":           id + ".0x503b",
		"underscore":            id + "." + day[:2] + "_" + day[2:],
		"exponent":              id + ".2e4",
		"fraction":              id + "." + day + ".0",
		"huge":                  id + "." + strings.Repeat("9", 40),
		"beyond int64":          id + ".18446744073709571889",
		"max int64":             id + ".9223372036854775807",
		"no id":                 "." + day,
		"unknown id":            "AAAAAAAA." + day,
		"part of the id":        id[:4] + "." + day,
		"id in another case":    strings.ToUpper(id) + "." + day,
		"the other secret's id": r.ID(1) + "." + day,
		"arabic digits":         id + ".٢٠٥٢٦",
		"path":                  "../" + id + "." + day,
		"sql":                   id + "' OR 1=1 --." + day,
		"an escape of the id":   `\u00` + strconv.FormatInt(int64(id[0]), 16) + id[1:] + "." + day,
		"a member smuggled in":  id + "." + day + `","x":"`,
		"a second kid smuggled": "x" + `","kid":"` + id + "." + day,
		"long":                  strings.Repeat("A", 1000),
	}
	for _, p := range profiles {
		key := r.ContentKey(0, p.Kind, jose.Today(noon))
		header := r.Outer(0, p, jose.Today(noon))
		payload := []byte("x")
		if p.Sign == jose.HS256 || p.Sign == jose.EdDSA {
			payload = []byte(craftJWS(r.Inner(0, p), "x", r.SigningKey(0, p, jose.Today(noon))))
		}
		if p.Sign != jose.ES256 {
			mustOpen(t, r, p, craft(t, header, key, payload), "x", noon) // the control: it is the kid that refuses
		}
		for what, kid := range kids {
			forged := strings.Replace(header, id+"."+day, kid, 1)
			want := jose.ErrUnknownKey
			switch {
			case what == "the other secret's id":
				want = jose.ErrForged
			case strings.ContainsAny(kid, `"\`):
				want = jose.ErrMalformed
			}
			t.Run(name(p)+"/"+what, func(t *testing.T) {
				mustRefuse(t, r, p, craft(t, forged, key, payload), want, noon)
			})
		}
	}
}
