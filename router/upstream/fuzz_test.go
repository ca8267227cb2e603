package upstream

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// FuzzCheckClaims reads every payload a second time with another decoder: what is accepted must name this issuer, this
// client, this login and a time that is now, whatever else the JSON holds.
func FuzzCheckClaims(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	p, err := New(Config{Issuer: "https://id.example", ClientID: "us", Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	good := fmt.Sprintf(`{"iss":"https://id.example","sub":"s","aud":"us","exp":%d,"iat":%d,"nonce":"n"}`, now.Unix()+60, now.Unix())
	if _, err := p.checkClaims([]byte(good), "n"); err != nil {
		f.Fatalf("a good token is refused: %v", err)
	}
	for _, seed := range []string{
		good, `{}`, `null`, `[]`, `{"aud":["us","x"],"azp":"us"}`, good[:len(good)-1] + `,"nonce":"m"}`, good[:len(good)-1] + `,"NONCE":"m"}`,
		good[:len(good)-1] + `,"azp":"us"}`, `{"iss":"https://id.example","sub":"s","aud":["us"],"exp":1e300,"iat":1,"nonce":"n"}`, good + " x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		token, err := p.checkClaims(payload, "n")
		if err != nil {
			return
		}
		var claims map[string]any
		if json.Unmarshal(payload, &claims) != nil {
			t.Fatalf("accepted, and not JSON: %s", payload)
		}
		exp, _ := claims["exp"].(float64)
		list, isList := claims["aud"].([]any)
		if claims["iss"] != "https://id.example" || claims["nonce"] != "n" || claims["sub"] != token.Subject || token.Subject == "" || exp <= float64(now.Unix()) {
			t.Fatalf("accepted: %s", payload)
		}
		if azp, there := claims["azp"]; there && azp != nil && azp != "us" {
			t.Fatalf("accepted for another party: %s", payload)
		}
		if isList && (!slices.Contains(list, "us") || len(list) > 1 && claims["azp"] != "us") || !isList && claims["aud"] != "us" {
			t.Fatalf("accepted for another audience: %s", payload)
		}
	})
}
