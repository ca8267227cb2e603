package artifact_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

func TestRoundTrip(t *testing.T) {
	v, c := newVault(t, site)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			token, err := k.mint(v)
			must(t, err)
			c.now = noon.Add(time.Second)
			defer func() { c.now = noon }()
			got, err := k.redeem(v, token)
			must(t, err)
			sameButStamp(t, reflect.ValueOf(k.sample), reflect.ValueOf(got))
		})
	}
}

// filledIn are the fields that sealing fills in.
var filledIn = map[string]bool{"Version": true, "IssuedAt": true, "Expires": true, "ID": true, "FamilyExpires": true}

// sameButStamp compares field by field what was minted with what was redeemed,
// and demands that what sealing fills in is filled in.
func sameButStamp(t *testing.T, want, got reflect.Value) {
	t.Helper()
	for i := range want.NumField() {
		f := want.Type().Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			sameButStamp(t, want.Field(i), got.Field(i))
		case filledIn[f.Name]:
			if got.Field(i).IsZero() && (f.Name != "Expires" || got.Type().Name() != "stamp") {
				t.Errorf("%s is empty", f.Name)
			}
		case !reflect.DeepEqual(want.Field(i).Interface(), got.Field(i).Interface()):
			t.Errorf("%s = %v, want %v", f.Name, got.Field(i), want.Field(i))
		}
	}
}

// Every artifact in every other one's place is refused.
func TestNoArtifactStandsInForAnother(t *testing.T) {
	for _, alg := range []jose.Algorithm{jose.EdDSA, jose.ES256, jose.HS256} {
		v, _ := newVault(t, site)
		v.Algorithm = alg
		for _, from := range kinds {
			token, err := from.mint(v)
			must(t, err)
			for _, to := range kinds {
				got, err := to.redeem(v, token)
				switch {
				case from.name == to.name && err != nil:
					t.Errorf("%s does not open: %v", from.name, err)
				case from.name != to.name && !errors.Is(err, artifact.ErrInvalid):
					t.Errorf("%s as a %s: %v", from.name, to.name, err)
				case from.name != to.name && !reflect.ValueOf(got).IsZero():
					t.Errorf("%s as a %s is refused and returned all the same", from.name, to.name)
				}
			}
		}
	}
}

// No two kinds have one key or one type, by which they could stand in for each
// other after all.
func TestProfilesAreDistinct(t *testing.T) {
	v, _ := newVault(t, site)
	profiles := []jose.Profile{
		artifact.ProfileOf[artifact.ClientRegistration](v), artifact.ProfileOf[artifact.AuthorizationCode](v),
		artifact.ProfileOf[artifact.AccessToken](v), artifact.ProfileOf[artifact.RefreshToken](v),
		artifact.ProfileOf[artifact.ConsentTicket](v), artifact.ProfileOf[artifact.UpstreamState](v),
		artifact.ProfileOf[artifact.LongState](v), artifact.ProfileOf[artifact.Session](v), artifact.ProfileOf[artifact.Stream](v),
		artifact.ProfileOf[artifact.RequestState](v),
	}
	if len(profiles) != len(kinds) {
		t.Errorf("%d profiles of %d kinds", len(profiles), len(kinds))
	}
	seen := map[string]bool{}
	for _, p := range profiles {
		if seen["kind "+p.Kind] || seen["type "+p.Type] {
			t.Errorf("%q or %q is taken", p.Kind, p.Type)
		}
		seen["kind "+p.Kind], seen["type "+p.Type] = true, true
		if p.Max < 256 || p.Max > 8192 && p.Max != artifact.MaxRequestState {
			t.Errorf("%s: a limit of %d characters", p.Kind, p.Max)
		}
	}
}

// Decryption with another deployment's keys, an empty text and a cut token are
// one error to the rooms.
func TestForeignTokensAreInvalid(t *testing.T) {
	ours, _ := newVault(t, site)
	theirs, _ := newVault(t, localhost)
	for _, k := range kinds {
		foreign, err := k.mint(theirs)
		must(t, err)
		own, err := k.mint(ours)
		must(t, err)
		for _, token := range []string{foreign, "", "x", own[:len(own)-1], own + "A", own + "=", " " + own} {
			if _, err := k.redeem(ours, token); !errors.Is(err, artifact.ErrInvalid) || errors.Is(err, artifact.ErrExpired) {
				t.Errorf("%s: %v", k.name, err)
			}
		}
	}
}

// Every character of every artifact, changed.
func TestEveryByteOfEveryArtifactCounts(t *testing.T) {
	v, _ := newVault(t, site)
	for _, k := range kinds {
		token, err := k.mint(v)
		must(t, err)
		for i := range len(token) {
			c := byte('A')
			if token[i] == c {
				c = 'B'
			}
			if _, err := k.redeem(v, token[:i]+string(c)+token[i+1:]); !errors.Is(err, artifact.ErrInvalid) {
				t.Errorf("%s with character %d changed: %v", k.name, i, err)
			}
		}
	}
}

func TestExpiry(t *testing.T) {
	for _, k := range kinds {
		if k.life == 0 {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			v, c := newVault(t, site)
			token, err := k.mint(v)
			must(t, err)
			for _, at := range []struct {
				after time.Duration
				want  error
			}{
				{0, nil},
				{k.life - time.Second, nil},
				{k.life - time.Nanosecond, nil},
				{k.life, artifact.ErrExpired}, // the first second at which it is no longer good
				{k.life + time.Second, artifact.ErrExpired},
				{100 * 24 * time.Hour, artifact.ErrInvalid}, // the day's key is not even derived
				{-artifact.Skew * time.Second, nil},         // minted by a replica whose clock is ahead
				{-(artifact.Skew + 1) * time.Second, artifact.ErrInvalid},
				{-time.Hour, artifact.ErrInvalid},
			} {
				c.now = noon.Add(at.after)
				if _, err := k.redeem(v, token); !errors.Is(err, at.want) {
					t.Errorf("%v after minting: %v, want %v", at.after, err, at.want)
				}
			}
		})
	}
}

// A lifetime that crosses as many midnights as it can still opens to its end.
func TestLifetimesCrossMidnight(t *testing.T) {
	midnight := noon.Add(12 * time.Hour)
	for _, configured := range []time.Duration{time.Minute, 23 * time.Hour, 24 * time.Hour, 25 * time.Hour, 47 * time.Hour, 49 * time.Hour, 168 * time.Hour} {
		for _, k := range kinds {
			if k.life == 0 {
				continue
			}
			v, c := newVault(t, site)
			v.Lifetimes = artifact.Lifetimes{Code: configured, Access: configured, Idle: configured, Session: 2 * configured}
			life := configured
			if k.life == artifact.LoginTime || k.life == artifact.SessionLife {
				life = k.life // these are not configured
			}
			if k.name == "AccessToken" {
				life = configured // by default as long as a login may take
			}
			for _, start := range []time.Duration{-time.Second, 0, time.Second, -time.Hour, 12*time.Hour - 1} {
				c.now = midnight.Add(start)
				token, err := k.mint(v)
				must(t, err)
				c.now = c.now.Add(life - time.Second)
				if _, err := k.redeem(v, token); err != nil {
					t.Errorf("%s of %v minted %v from midnight: %v a second before its end", k.name, life, start, err)
				}
			}
		}
	}
}

// A registration outlives everything but its key, and still is not from the
// future.
func TestRegistrationsDoNotExpire(t *testing.T) {
	v, c := newVault(t, site)
	token, err := mint(cursor)(v)
	must(t, err)
	for after, want := range map[time.Duration]error{
		0:                                      nil,
		20 * 365 * 24 * time.Hour:              nil,
		-artifact.Skew * time.Second:           nil,
		-(artifact.Skew + 1) * time.Second:     artifact.ErrInvalid,
		-48 * time.Hour:                        artifact.ErrInvalid,
		-(2026 - 1969) * 366 * 24 * time.Hour:  artifact.ErrInvalid,
		200 * 365 * 24 * time.Hour:             nil,
		time.Duration(artifact.Skew) * 1000000: nil,
	} {
		c.now = noon.Add(after)
		if _, err := redeem[artifact.ClientRegistration](v, token); !errors.Is(err, want) {
			t.Errorf("%v after registration: %v, want %v", after, err, want)
		}
	}
}

// An earlier end that the room asks for is kept, a later one is cut to the
// lifetime: no room can mint what lives longer than the operator allows.
func TestLifetimesAreCapped(t *testing.T) {
	for _, k := range kinds {
		if k.expire == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			v, c := newVault(t, site)
			for asked, lives := range map[time.Duration]time.Duration{
				5 * time.Second:    5 * time.Second,
				k.life:             k.life,
				k.life + time.Hour: k.life,
				10000 * time.Hour:  k.life,
			} {
				c.now = noon
				token, err := k.expire(v, noon.Add(asked).Unix())
				must(t, err)
				c.now = noon.Add(lives - time.Second)
				if _, err := k.redeem(v, token); err != nil {
					t.Errorf("asked for %v: %v a second before %v", asked, err, lives)
				}
				c.now = noon.Add(lives)
				if _, err := k.redeem(v, token); !errors.Is(err, artifact.ErrExpired) {
					t.Errorf("asked for %v: %v at %v", asked, err, lives)
				}
			}
			for _, past := range []int64{noon.Unix(), noon.Unix() - 1, 1, -1} {
				c.now = noon
				token, err := k.expire(v, past)
				must(t, err)
				if _, err := k.redeem(v, token); !errors.Is(err, artifact.ErrExpired) {
					t.Errorf("minted to end at %d: %v", past, err)
				}
			}
		})
	}
}

// A family of refresh tokens dies on its day, however often it is refreshed and
// whatever a room would have it say.
func TestRefreshFamilyNeverOutlivesTheSession(t *testing.T) {
	v, c := newVault(t, site)
	sealer, opener := artifact.NewSealer[artifact.RefreshToken](v), artifact.NewOpener[artifact.RefreshToken](v)
	token, err := sealer.Seal(refreshToken)
	must(t, err)
	end := noon.Add(defaults.Session)
	for c.now.Before(end) {
		r, err := opener.Open(token)
		if err != nil {
			t.Fatalf("%v after the login: %v", c.now.Sub(noon), err)
		}
		if r.FamilyExpires != end.Unix() || r.Expires > end.Unix() || r.Expires > c.now.Add(defaults.Idle).Unix() {
			t.Fatalf("%v after the login the token lives to %d, its family to %d", c.now.Sub(noon), r.Expires, r.FamilyExpires)
		}
		r.Generation++
		token, err = sealer.Seal(r)
		must(t, err)
		c.now = c.now.Add(100 * time.Hour)
	}
	if _, err := opener.Open(token); err == nil {
		t.Error("the family is alive after its end")
	}

	// A shortened SESSION_TTL holds for the next rotation of an older family.
	c.now = noon
	token, err = sealer.Seal(refreshToken)
	must(t, err)
	v.Lifetimes.Session = time.Hour
	r, err := opener.Open(token)
	must(t, err)
	token, err = sealer.Seal(r)
	must(t, err)
	c.now = noon.Add(time.Hour)
	if _, err := opener.Open(token); !errors.Is(err, artifact.ErrExpired) {
		t.Errorf("after the shortened session: %v", err)
	}
}

// What is genuine by its seal and still not acceptable. The payload is sealed
// with the right key, so only the reading of it can refuse.
func TestContents(t *testing.T) {
	v, _ := newVault(t, site)
	var (
		iat     = noon.Unix()
		stream  = func(payload string) (string, error) { return artifact.SealRaw[artifact.Stream](v, payload) }
		access  = func(payload string) (string, error) { return artifact.SealRaw[artifact.AccessToken](v, payload) }
		client  = func(payload string) (string, error) { return artifact.SealRaw[artifact.ClientRegistration](v, payload) }
		refresh = func(payload string) (string, error) { return artifact.SealRaw[artifact.RefreshToken](v, payload) }
	)
	tests := []struct {
		name    string
		seal    func(string) (string, error)
		payload map[string]any
		raw     string // instead of payload
		want    error
		kind    int // in kinds
	}{
		{"control", stream, map[string]any{"v": 1, "iat": iat, "exp": iat + 60, "i": "x", "sub": "u", "c": "d"}, "", nil, 8},
		{"an unknown member is skipped", stream, map[string]any{"v": 1, "iat": iat, "exp": iat + 60, "later": true}, "", nil, 8},
		{"version 0", stream, map[string]any{"v": 0, "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 8},
		{"version 2", stream, map[string]any{"v": 2, "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 8},
		{"version -1", stream, map[string]any{"v": -1, "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 8},
		{"version missing", stream, map[string]any{"iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 8},
		{"version a text", stream, map[string]any{"v": "1", "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 8},
		{"version in capitals", stream, map[string]any{"V": 1, "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 8},
		{"no expiry", stream, map[string]any{"v": 1, "iat": iat}, "", artifact.ErrExpired, 8},
		{"expiry zero", stream, map[string]any{"v": 1, "iat": iat, "exp": 0}, "", artifact.ErrExpired, 8},
		{"expiry negative", stream, map[string]any{"v": 1, "iat": iat, "exp": -1}, "", artifact.ErrExpired, 8},
		{"expiry null", stream, map[string]any{"v": 1, "iat": iat, "exp": nil}, "", artifact.ErrExpired, 8},
		{"expiry a text", stream, map[string]any{"v": 1, "iat": iat, "exp": "9999999999"}, "", artifact.ErrInvalid, 8},
		{"expiry a fraction", stream, nil, `{"v":1,"iat":1,"exp":9999999999.5}`, artifact.ErrInvalid, 8},
		{"expiry in exponents", stream, nil, `{"v":1,"iat":1,"exp":1e400}`, artifact.ErrInvalid, 8},
		{"expiry beyond int64", stream, nil, `{"v":1,"iat":1,"exp":99999999999999999999}`, artifact.ErrInvalid, 8},
		{"expiry in capitals", stream, map[string]any{"v": 1, "iat": iat, "Exp": iat + 60}, "", artifact.ErrExpired, 8},
		{"expiry twice", stream, nil, `{"v":1,"iat":1,"exp":1,"exp":9999999999}`, artifact.ErrInvalid, 8},
		{"issued in the future", stream, map[string]any{"v": 1, "iat": iat + 61, "exp": iat + 99}, "", artifact.ErrInvalid, 8},
		{"not an object", stream, nil, `[]`, artifact.ErrInvalid, 8},
		{"not JSON", stream, nil, `{`, artifact.ErrInvalid, 8},
		{"two documents", stream, nil, `{"v":1,"iat":1,"exp":9999999999}{}`, artifact.ErrInvalid, 8},
		{"invalid UTF-8", stream, nil, "{\"v\":1,\"iat\":1,\"exp\":9999999999,\"i\":\"\xff\"}", artifact.ErrInvalid, 8},

		{"control", access, map[string]any{"iss": site, "sub": "u", "aud": "a", "iat": iat, "exp": iat + 60}, "", nil, 2},
		{"another issuer", access, map[string]any{"iss": "https://evil.example", "sub": "u", "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 2},
		{"issuer with a slash", access, map[string]any{"iss": site + "/", "sub": "u", "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 2},
		{"no issuer", access, map[string]any{"sub": "u", "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 2},
		{"no subject", access, map[string]any{"iss": site, "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 2},
		{"audience an array", access, map[string]any{"iss": site, "sub": "u", "aud": []string{"a"}, "iat": iat, "exp": iat + 60}, "", artifact.ErrInvalid, 2},
		{"audience twice", access, nil, `{"iss":"` + site + `","sub":"u","aud":"a","aud":"b","iat":1,"exp":9999999999}`, artifact.ErrInvalid, 2},
		{"no expiry", access, map[string]any{"iss": site, "sub": "u", "iat": iat}, "", artifact.ErrExpired, 2},

		{"control", client, map[string]any{"v": 1, "iat": iat, "r": []string{"https://a.example/cb"}}, "", nil, 0},
		{"no redirect URI", client, map[string]any{"v": 1, "iat": iat, "r": []string{}}, "", artifact.ErrInvalid, 0},
		{"version 2", client, map[string]any{"v": 2, "iat": iat, "r": []string{"https://a.example/cb"}}, "", artifact.ErrInvalid, 0},

		{"control", refresh, map[string]any{"v": 1, "iat": iat, "exp": iat + 60, "x": iat + 60}, "", nil, 3},
		{"the family is over", refresh, map[string]any{"v": 1, "iat": iat, "exp": iat + 60, "x": iat}, "", artifact.ErrExpired, 3},
		{"no end of the family", refresh, map[string]any{"v": 1, "iat": iat, "exp": iat + 60}, "", artifact.ErrExpired, 3},
	}
	for _, tt := range tests {
		t.Run(kinds[tt.kind].name+"/"+tt.name, func(t *testing.T) {
			payload := tt.raw
			if tt.payload != nil {
				b, err := json.Marshal(tt.payload)
				must(t, err)
				payload = string(b)
			}
			token, err := tt.seal(payload)
			must(t, err)
			if _, err := kinds[tt.kind].redeem(v, token); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", payload, err, tt.want)
			}
		})
	}
}

// In loopback mode the three spellings of the server are one issuer; what is
// not configured is none, and no configuration accepts nothing.
func TestIssuers(t *testing.T) {
	v, _ := newVault(t, localhost)
	for _, issuer := range []string{localhost, "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8081", ""} {
		a := accessToken
		a.Issuer = issuer
		token, err := mint(a)(v)
		must(t, err)
		for _, issuers := range [][]string{nil, {localhost}, {localhost, "http://127.0.0.1:8080", "http://[::1]:8080"}} {
			v.Issuers = issuers
			want := strings.Contains(strings.Join(issuers, " ")+" ", issuer+" ") && issuer != ""
			if _, err := redeem[artifact.AccessToken](v, token); (err == nil) != want {
				t.Errorf("iss %q where %q are accepted: %v", issuer, issuers, err)
			}
		}
	}
}

// Two artifacts of one content are two artifacts: ids are what the replay guard
// and the logs tell them apart by.
func TestIDsAreFresh(t *testing.T) {
	v, _ := newVault(t, site)
	seen := map[string]bool{}
	for range 50 {
		token, err := mint(code)(v)
		must(t, err)
		c, err := artifact.NewOpener[artifact.AuthorizationCode](v).Open(token)
		must(t, err)
		if seen[c.ID] || len(c.ID) != 16 {
			t.Fatalf("id %q", c.ID)
		}
		seen[c.ID] = true
	}
	// A room that passes a redeemed artifact on does not mint its id again.
	fixed := code
	fixed.ID = "chosen"
	token, err := mint(fixed)(v)
	must(t, err)
	c, err := artifact.NewOpener[artifact.AuthorizationCode](v).Open(token)
	must(t, err)
	if c.ID == "chosen" {
		t.Error("the room chose the id")
	}
}

func TestDigest(t *testing.T) {
	d := artifact.DigestOf("abc")
	if d != "ungWv48Bz-pBQUDeXa4iIw" { // the first half of FIPS 180-4's example
		t.Errorf("DigestOf(abc) = %s", d)
	}
	for other, want := range map[string]bool{"abc": true, "abd": false, "": false, "abc ": false, string(d): false} {
		if d.Matches(other) != want {
			t.Errorf("Matches(%q) = %v", other, !want)
		}
	}
	if artifact.Digest("").Matches("") {
		t.Error("a missing digest matches a missing cookie")
	}
}

func TestSecretsAreLongAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s, id := artifact.NewSecret(), artifact.NewID()
		if len(s) != 43 || len(id) != 16 || seen[s] || seen[id] || strings.Trim(s+id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("secret %q, id %q", s, id)
		}
		seen[s], seen[id] = true, true
	}
}

// A stream's id is the replica's own: sealing keeps it.
func TestStreamKeepsItsID(t *testing.T) {
	v, _ := newVault(t, site)
	token, err := mint(stream)(v)
	must(t, err)
	s, err := artifact.NewOpener[artifact.Stream](v).Open(token)
	if err != nil || s.ID != stream.ID {
		t.Errorf("id %q, %v; want %q", s.ID, err, stream.ID)
	}
}
