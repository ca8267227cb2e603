package artifact_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	strict "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"mcp-oauth-server/crypto/artifact"
)

// codec is one artifact as the tests of its spelling see it.
type codec struct {
	name   string
	encode func(v *artifact.Vault, draw *rapid.T, texts *rapid.Generator[string]) (string, error)
	own    func(payload string) (any, bool)
	other  func(payload string) (any, error)
}

func codecOf[T artifact.Letter[T]](name string) codec {
	return codec{
		name: name,
		encode: func(v *artifact.Vault, draw *rapid.T, texts *rapid.Generator[string]) (string, error) {
			var a T
			fill(draw, reflect.ValueOf(&a).Elem(), texts)
			return artifact.Encode(v, a, noon)
		},
		own:   func(payload string) (any, bool) { return artifact.DecodeOwn[T](payload) },
		other: func(payload string) (any, error) { return artifact.DecodeAny[T](payload) },
	}
}

var codecs = []codec{
	codecOf[artifact.ClientRegistration]("ClientRegistration"), codecOf[artifact.AuthorizationCode]("AuthorizationCode"),
	codecOf[artifact.AccessToken]("AccessToken"), codecOf[artifact.RefreshToken]("RefreshToken"),
	codecOf[artifact.ConsentTicket]("ConsentTicket"), codecOf[artifact.UpstreamState]("UpstreamState"),
	codecOf[artifact.LongState]("LongState"), codecOf[artifact.Session]("Session"), codecOf[artifact.Stream]("Stream"),
}

// fill draws every field of an artifact, also those that are added to it later.
func fill(t *rapid.T, v reflect.Value, texts *rapid.Generator[string]) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() || v.Type().Field(i).Anonymous {
				fill(t, v.Field(i), texts)
			}
		}
	case reflect.String:
		v.SetString(texts.Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Slice:
		v.Set(reflect.ValueOf(rapid.SliceOfN(texts, 0, 4).Draw(t, "texts")))
	default:
		panic("a field of kind " + v.Kind().String() + ": teach fill to draw it")
	}
}

// What is written is, byte for byte, what the JSON library makes of the struct
// and its tags: a member that one of the two does not have, another order or
// another escape would be found here.
func TestTheSpellingIsTheLibrarys(t *testing.T) {
	v, _ := newVault(t, site)
	for _, c := range codecs {
		t.Run(c.name, rapid.MakeCheck(func(t *rapid.T) {
			payload, err := c.encode(v, t, nasty)
			if err != nil {
				t.Fatal(err)
			}
			read, err := c.other(payload)
			if err != nil {
				t.Fatalf("the library does not read %s: %v", payload, err)
			}
			respelled, err := strict.Marshal(read)
			if err != nil || string(respelled) != payload {
				t.Fatalf("written as\n%s, the library writes\n%s, %v", payload, respelled, err)
			}
			sameReading(t, c, payload)
		}))
	}
}

// Plain artifacts are never left to the library: that would be a slow path which
// nobody notices.
func TestPlainArtifactsAreReadDirectly(t *testing.T) {
	v, _ := newVault(t, site)
	plainText := rapid.StringMatching(`[ !#-\[\]-~\x7f]{0,60}`)
	for _, c := range codecs {
		t.Run(c.name, rapid.MakeCheck(func(rt *rapid.T) {
			payload, err := c.encode(v, rt, plainText)
			if err != nil {
				rt.Fatal(err)
			}
			if _, ok := c.own(payload); !ok && !strings.Contains(payload, "[]") && !longNumber(payload) {
				rt.Errorf("%s is left to the library", payload)
			}
		}))
	}
}

// longNumber says whether a number has 19 digits, of which some are beyond int64.
func longNumber(payload string) bool {
	digits := 0
	for _, c := range payload {
		if c < '0' || c > '9' {
			digits = 0
		} else if digits++; digits > 18 {
			return true
		}
	}
	return false
}

// sameReading demands that what is read directly is what the library reads.
func sameReading(t interface{ Errorf(string, ...any) }, c codec, payload string) (own bool) {
	direct, ok := c.own(payload)
	if !ok {
		return false
	}
	read, err := c.other(payload)
	if err != nil {
		t.Errorf("%s: read directly, the library refuses it: %v\n%q", c.name, err, payload)
	} else if !reflect.DeepEqual(direct, read) {
		t.Errorf("%s: read directly it differs from the library's reading\n%q", c.name, payload)
	}
	return true
}

// Other spellings of good JSON are left to the library, and with them the
// decision whether they are an artifact.
func TestOtherSpellingsAreLeftToTheLibrary(t *testing.T) {
	const good = `{"v":1,"iat":2,"exp":3,"sub":"u","c":"d","o":"s","a":"r","f":"f","g":4,"x":5}`
	c := codecs[3]
	if !sameReading(t, c, good) {
		t.Fatal("the control is not read directly")
	}
	change := func(old, now string) string { return strings.Replace(good, old, now, 1) }
	for name, tt := range map[string]struct {
		payload string
		good    bool
	}{
		"white space":              {change(`,"g"`, `, "g"`), true},
		"white space in front":     {" " + good, true},
		"white space behind":       {good + "\n", true},
		"white space before colon": {change(`"g":`, `"g" :`), true},
		"an unknown member":        {change(`"x":5`, `"x":5,"later":true`), true},
		"an unknown member first":  {change(`{`, `{"later":[1],`), true},
		"another order":            {change(`"v":1,"iat":2`, `"iat":2,"v":1`), true},
		"a member is missing":      {change(`"o":"s",`, ``), true},
		"an escape":                {change(`"u"`, `"\u0075"`), true},
		"an escaped name":          {change(`"v"`, `"\u0076"`), true},
		"text beyond ASCII":        {change(`"u"`, `"ü"`), true},
		"minus zero":               {change(`"g":4`, `"g":-0`), true},
		"19 digits":                {change(`"x":5`, `"x":1234567890123456789`), true},
		"beyond int64":             {change(`"g":4`, `"g":9223372036854775808`), false},
		"leading zero":             {change(`"g":4`, `"g":04`), false},
		"plus":                     {change(`"g":4`, `"g":+4`), false},
		"a fraction":               {change(`"g":4`, `"g":4.5`), false},
		"an exponent":              {change(`"g":4`, `"g":4e0`), false},
		"a bare minus":             {change(`"g":4`, `"g":-`), false},
		"no number":                {change(`"g":4`, `"g":`), false},
		"a text for a number":      {change(`"g":4`, `"g":"4"`), false},
		"a number for a text":      {change(`"u"`, `1`), false},
		"a name twice":             {change(`"v":1`, `"v":1,"v":1`), false},
		"a trailing comma":         {change(`5}`, `5,}`), false},
		"two objects":              {good + good, false},
		"cut":                      {good[:len(good)-1], false},
		"a line break in a text":   {change(`"u"`, "\"\n\""), false},
		"a NUL in a text":          {change(`"u"`, "\"\x00\""), false},
		"invalid UTF-8":            {change(`"u"`, "\"\xff\""), false},
		"a wrong escape":           {change(`"u"`, `"\x"`), false},
		"an open text":             {change(`"u"`, `"u`), false},
		"nothing":                  {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.payload == good {
				t.Fatal("this is the control")
			}
			if sameReading(t, c, tt.payload) {
				t.Error("read directly")
			}
			if _, err := c.other(tt.payload); (err == nil) != tt.good {
				t.Errorf("the library: %v", err)
			}
		})
	}
	for i := range len(good) {
		if sameReading(t, c, good[:i]) || sameReading(t, c, good[i+1:]) {
			t.Errorf("a piece of %d bytes is read directly", i)
		}
	}
}

// An empty optional member is good JSON that we do not write; both readings of
// it are the same.
func TestOptionalMembers(t *testing.T) {
	c := codecs[0]
	for payload, own := range map[string]bool{
		`{"v":1,"iat":2,"i":"x","r":["a"]}`:                                  true,
		`{"v":1,"iat":2,"exp":3,"i":"x","n":"N","r":["a","b"],"nr":true}`:    true,
		`{"v":1,"iat":2,"i":"x","n":"","r":[""]}`:                            true,
		`{"v":1,"iat":2,"exp":0,"i":"x","r":["a"]}`:                          true,
		`{"v":1,"iat":2,"i":"x","r":["a"],"nr":false}`:                       false,
		`{"v":1,"iat":2,"i":"x","r":[]}`:                                     false,
		`{"v":1,"iat":2,"i":"x","r":null}`:                                   false,
		`{"v":1,"iat":2,"i":"x","r":["a",]}`:                                 false,
		`{"v":1,"iat":2,"i":"x","r":["a"`:                                    false,
		`{"v":1,"iat":2,"i":"x","r":["a"],"nr":true,"nr":true}`:              false,
		`{"v":1,"iat":2,"i":"x","n":"N","n":"N","r":["a"]}`:                  false,
		`{"v":-1,"iat":-2,"exp":-3,"i":"x","n":"N","r":["a","b"],"nr":true}`: true,
	} {
		if sameReading(t, c, payload) != own {
			t.Errorf("%s is read directly: %v", payload, !own)
		}
	}
}

// plainLen against its definition, with every byte at every place of a word.
func TestPlainLen(t *testing.T) {
	isPlain := func(c byte) bool { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' }
	check := func(b []byte) {
		want := 0
		for want < len(b) && isPlain(b[want]) {
			want++
		}
		if got := artifact.PlainLen(b); got != want {
			t.Fatalf("PlainLen(%q) = %d, want %d", b, got, want)
		}
	}
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				b := []byte(strings.Repeat("a", length))
				b[at] = byte(c)
				check(b)
				for _, before := range []byte{0x1f, 0x20, '!', '"', '[', '\\', 0x7f, 0x80, 0xff} {
					if at > 0 {
						b[at-1] = before
						check(b)
					}
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) { check([]byte(nasty.Draw(t, "text"))) })
}

// A text that is not UTF-8 is in no artifact: it would not come back as it was.
func TestInvalidTextIsNotSealed(t *testing.T) {
	v, _ := newVault(t, site)
	for _, bad := range []string{"\xff", "a\xc0\xafb", "\xed\xa0\x80", strings.Repeat("a", 20) + "\x80"} {
		c := simple
		c.Name = bad
		_, err := mint(c)(v)
		r := simple
		r.RedirectURIs = []string{"https://a.example/cb", bad}
		_, inList := mint(r)(v)
		if err == nil || inList == nil || errors.Is(err, artifact.ErrTooLong) {
			t.Errorf("%q: %v, %v", bad, err, inList)
		}
	}
}

// FuzzWire feeds payloads: what is read directly is what the library reads.
func FuzzWire(f *testing.F) {
	v, _ := newVault(f, site)
	for i, k := range kinds {
		token, err := k.mint(v)
		must(f, err)
		a, err := k.redeem(v, token)
		must(f, err)
		payload, err := strict.Marshal(a)
		must(f, err)
		f.Add(uint8(i), string(payload))
		f.Add(uint8(i), strings.Replace(string(payload), `1`, `-01`, 1))
		f.Add(uint8(i), strings.Replace(string(payload), `:"`, `:"\u0041`, 1))
	}
	f.Fuzz(func(t *testing.T, i uint8, payload string) {
		sameReading(t, codecs[int(i)%len(codecs)], payload)
	})
}
