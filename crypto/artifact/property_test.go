package artifact_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mcp-oauth-server/crypto/artifact"
)

// nasty draws texts that a codec may stumble over.
var nasty = rapid.OneOf(
	rapid.String(),
	rapid.StringOfN(rapid.RuneFrom([]rune{'"', '\\', '\'', '<', '>', '&', 0, '\n', '\r', '\t', 0x7f, 0x2028, 0x2029, 0xfffd, '🔑', 'é', '�'}), 0, 30, -1),
	rapid.StringMatching(`[A-Za-z0-9._~%-]{0,200}`),
	rapid.Just(""),
)

func digest(t *rapid.T) artifact.Digest { return artifact.DigestOf(nasty.Draw(t, "digest of")) }

func drawUser(t *rapid.T) artifact.User {
	return artifact.User{Subject: "s" + nasty.Draw(t, "sub"), Email: nasty.Draw(t, "email"), Name: nasty.Draw(t, "name")}
}

func drawRequest(t *rapid.T) artifact.AuthorizationRequest {
	return artifact.AuthorizationRequest{
		Client: digest(t), RedirectURI: nasty.Draw(t, "redirect"), State: nasty.Draw(t, "state"), Challenge: nasty.Draw(t, "challenge"),
		Scope: nasty.Draw(t, "scope"), Resource: nasty.Draw(t, "resource"), NoRefresh: rapid.Bool().Draw(t, "no refresh"),
	}
}

// roundTrip seals and opens, at once and a second before the end.
func roundTrip[T artifact.Letter[T]](t *rapid.T, v *artifact.Vault, want T) T {
	token, err := artifact.NewSealer[T](v).Seal(want)
	if errors.Is(err, artifact.ErrTooLong) {
		t.Skip("longer than its kind allows")
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := artifact.NewOpener[T](v).Open(token)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Whatever texts a room puts into an artifact come out as they were.
func TestTextsComeBackAsTheyWere(t *testing.T) {
	v, _ := newVault(t, site)
	same := func(t *rapid.T, want, got any) {
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%T differs after the round trip", want)
		}
	}
	for name, check := range map[string]func(*rapid.T){
		"registration": func(t *rapid.T) {
			c := artifact.ClientRegistration{
				Name: nasty.Draw(t, "name"), RedirectURIs: rapid.SliceOfN(nasty, 1, 4).Draw(t, "uris"), NoRefresh: rapid.Bool().Draw(t, "nr"),
			}
			got := roundTrip(t, v, c)
			same(t, c.RedirectURIs, got.RedirectURIs)
			same(t, []any{c.Name, c.NoRefresh}, []any{got.Name, got.NoRefresh})
		},
		"state": func(t *rapid.T) {
			s := artifact.UpstreamState{
				AuthorizationRequest: drawRequest(t), Flow: digest(t), Secret: artifact.NewSecret(), LongState: digest(t),
			}
			got := roundTrip(t, v, s)
			same(t, s.AuthorizationRequest, got.AuthorizationRequest)
			same(t, []any{s.Flow, s.Secret, s.LongState}, []any{got.Flow, got.Secret, got.LongState})
		},
		"ticket": func(t *rapid.T) {
			c := artifact.ConsentTicket{AuthorizationRequest: drawRequest(t), ClientName: nasty.Draw(t, "name"), CSRF: digest(t)}
			got := roundTrip(t, v, c)
			same(t, c.AuthorizationRequest, got.AuthorizationRequest)
			same(t, []any{c.ClientName, c.CSRF}, []any{got.ClientName, got.CSRF})
		},
		"long state": func(t *rapid.T) {
			s := artifact.LongState{State: nasty.Draw(t, "state")}
			same(t, s.State, roundTrip(t, v, s).State)
		},
		"code": func(t *rapid.T) {
			c := artifact.AuthorizationCode{
				User: drawUser(t), Client: digest(t), RedirectURI: digest(t), Challenge: nasty.Draw(t, "challenge"),
				Scope: nasty.Draw(t, "scope"), Resource: nasty.Draw(t, "resource"),
			}
			got := roundTrip(t, v, c)
			same(t, c.User, got.User)
			same(t, []any{c.Client, c.RedirectURI, c.Challenge, c.Scope, c.Resource}, []any{got.Client, got.RedirectURI, got.Challenge, got.Scope, got.Resource})
		},
		"access token": func(t *rapid.T) {
			a := artifact.AccessToken{
				User: drawUser(t), Issuer: site, Audience: nasty.Draw(t, "aud"), Client: digest(t), Scope: nasty.Draw(t, "scope"), Family: nasty.Draw(t, "sid"),
			}
			got := roundTrip(t, v, a)
			same(t, a.User, got.User)
			same(t, []any{a.Audience, a.Client, a.Scope, a.Family}, []any{got.Audience, got.Client, got.Scope, got.Family})
		},
		"refresh token": func(t *rapid.T) {
			r := artifact.RefreshToken{
				User: drawUser(t), Client: digest(t), Scope: nasty.Draw(t, "scope"), Resource: nasty.Draw(t, "resource"),
				Family: nasty.Draw(t, "family"), Generation: rapid.Int().Draw(t, "generation"),
			}
			got := roundTrip(t, v, r)
			same(t, r.User, got.User)
			same(t, []any{r.Client, r.Scope, r.Resource, r.Family}, []any{got.Client, got.Scope, got.Resource, got.Family})
			same(t, r.Generation, got.Generation)
		},
		"session": func(t *rapid.T) {
			s := artifact.Session{Subject: nasty.Draw(t, "sub"), Client: digest(t), Protocol: nasty.Draw(t, "p"), Capabilities: nasty.Draw(t, "k")}
			got := roundTrip(t, v, s)
			same(t, []any{s.Subject, s.Client, s.Protocol, s.Capabilities}, []any{got.Subject, got.Client, got.Protocol, got.Capabilities})
		},
		"stream": func(t *rapid.T) {
			s := artifact.Stream{ID: nasty.Draw(t, "id"), Subject: nasty.Draw(t, "sub"), Client: digest(t)}
			got := roundTrip(t, v, s)
			same(t, []any{s.ID, s.Subject, s.Client}, []any{got.ID, got.Subject, got.Client})
		},
		"request state": func(t *rapid.T) {
			s := artifact.RequestState{
				Subject: nasty.Draw(t, "sub"), Client: digest(t), Method: nasty.Draw(t, "method"), Digest: nasty.Draw(t, "digest"),
				Payload: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload"),
			}
			got := roundTrip(t, v, s)
			same(t, []any{s.Subject, s.Client, s.Method, s.Digest, s.Payload}, []any{got.Subject, got.Client, got.Method, got.Digest, got.Payload})
		},
	} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, check) })
	}
}

// At any time, an artifact is good exactly between its minting, less the skew,
// and its end.
func TestGoodExactlyWhileAlive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v, c := newVault(t, site)
		k := kinds[rapid.IntRange(1, len(kinds)-1).Draw(rt, "kind")]
		minted := time.Unix(rapid.Int64Range(1, 4e9).Draw(rt, "minted"), 0)
		c.now = minted
		token, err := k.mint(v)
		if err != nil {
			rt.Fatal(err)
		}
		after := rapid.Int64Range(-200, 2*int64(k.life/time.Second)).Draw(rt, "seconds after")
		c.now = minted.Add(time.Duration(after) * time.Second)
		_, err = k.redeem(v, token)
		good := after >= -artifact.Skew && after < int64(k.life/time.Second)
		if (err == nil) != good {
			rt.Errorf("%s, %d s after its minting at %v: %v", k.name, after, minted.UTC(), err)
		}
	})
}

// Any text at all, in any artifact's place: refused, and never a panic.
func FuzzOpen(f *testing.F) {
	v, _ := newVault(f, site)
	for _, k := range kinds {
		token, err := k.mint(v)
		must(f, err)
		f.Add(token)
		f.Add(token + "=")
		f.Add(strings.Replace(token, ".", "", 1))
	}
	f.Fuzz(func(t *testing.T, token string) {
		opened := 0
		for _, k := range kinds {
			if a, err := k.redeem(v, token); err == nil {
				opened++
			} else if !reflect.ValueOf(a).IsZero() {
				t.Errorf("%s: refused and returned", k.name)
			}
		}
		if opened > 1 {
			t.Errorf("%q opens as %d kinds", token, opened)
		}
	})
}

// FuzzContents feeds what stands inside a seal that is genuine.
func FuzzContents(f *testing.F) {
	v, _ := newVault(f, site)
	f.Add(`{"v":1,"iat":1,"exp":9999999999,"i":"x","sub":"u","c":"d"}`)
	f.Add(`{"v":1,"v":1}`)
	f.Add(`[[[[`)
	f.Add(`{"exp":1e999}`)
	f.Fuzz(func(t *testing.T, payload string) {
		if payload == "" || len(payload) > 500 {
			return
		}
		token, err := artifact.SealRaw[artifact.Stream](v, payload)
		must(t, err)
		s, err := artifact.NewOpener[artifact.Stream](v).Open(token)
		if err == nil && (s.Version != 1 || s.Expires <= noon.Unix() || s.IssuedAt > noon.Unix()+artifact.Skew) {
			t.Errorf("%q opens as version %d from %d to %d", payload, s.Version, s.IssuedAt, s.Expires)
		}
		if err != nil && !errors.Is(err, artifact.ErrInvalid) && !errors.Is(err, artifact.ErrExpired) {
			t.Errorf("%q: %v", payload, err)
		}
	})
}
