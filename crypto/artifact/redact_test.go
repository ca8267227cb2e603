package artifact_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"mcp-oauth-server/crypto/artifact"
)

// Whatever prints an artifact prints none of its fields.
func TestArtifactsDoNotPrint(t *testing.T) {
	values := []any{request}
	for _, k := range kinds {
		values = append(values, k.sample)
	}
	for _, v := range values {
		kind := reflect.TypeOf(v).Name()
		t.Run(kind, func(t *testing.T) {
			filled := reflect.New(reflect.TypeOf(v))
			canaries(filled.Elem())
			shown := printed(filled)
			if strings.Contains(shown, "canary") || strings.Contains(shown, "987654321") || strings.Contains(shown, "99 97 110 97 114 121") {
				t.Errorf("%s shows its fields:\n%s", kind, shown)
			}
			if strings.Count(shown, "artifact(redacted)") < 20 {
				t.Errorf("%s was not printed at all, or as something else:\n%s", kind, shown)
			}
		})
	}
}

// canaries fills every field with something that is easy to find again.
func canaries(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			canaries(v.Field(i))
		}
	case reflect.String:
		v.SetString("canary")
	case reflect.Int, reflect.Int64:
		v.SetInt(987654321)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("canary"))
			return
		}
		v.Set(reflect.Append(v, reflect.ValueOf("canary").Convert(v.Type().Elem())))
	default:
		panic("a field of kind " + v.Kind().String() + ": teach canaries to fill it")
	}
}

// printed prints a value and the pointer to it in all the ways there are.
func printed(pointer reflect.Value) string {
	var out bytes.Buffer
	for _, v := range []any{pointer.Interface(), pointer.Elem().Interface()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
			fmt.Fprintf(&out, verb+"\n", struct{ Artifact any }{v})
			fmt.Fprintf(&out, verb+"\n", []any{v})
		}
		fmt.Fprintln(&out, v, fmt.Errorf("refused: %v", v), errors.Join(fmt.Errorf("%+v", v)))
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			log := slog.New(h).With("with", v).WithGroup("group")
			log.Info("message", "value", v, slog.Any("any", v), slog.Group("inner", "value", v))
		}
	}
	return out.String()
}

// Errors tell what is wrong and nothing of the artifact.
func TestErrorsTellNothing(t *testing.T) {
	v, c := newVault(t, site)
	broken := state
	broken.State = "canary\xff"
	_, err := mint(broken)(v)
	if err == nil {
		t.Fatal("a state that is not UTF-8 was sealed: it would not come back as it was")
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error tells the state: %v", err)
	}
	for _, k := range kinds {
		c.now = noon
		token, err := k.mint(v)
		must(t, err)
		refused := []string{token[:len(token)-2] + "xx", token[1:], token + token}
		for _, other := range kinds {
			for _, r := range refused {
				_, err := other.redeem(v, r)
				if err == nil || strings.Contains(err.Error(), r[:16]) || len(err.Error()) > 80 {
					t.Errorf("%s: %v", other.name, err)
				}
			}
		}
		c.now = noon.Add(k.life)
		if _, err := k.redeem(v, token); k.life > 0 && (!errors.Is(err, artifact.ErrExpired) || len(err.Error()) > 80) {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

// A room that prints its rights, or main the vault, shows no key.
func TestVaultDoesNotPrintKeys(t *testing.T) {
	v, _ := newVault(t, site)
	_, err := mint(code)(v) // fills the ring's cache of derived keys
	must(t, err)
	sealer := artifact.NewSealer[artifact.AuthorizationCode](v)
	var out bytes.Buffer
	for _, x := range []any{v, *v, sealer, &sealer, struct{ room any }{sealer}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", x) // Vault holds a func: JSON refuses it
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", x)
	}
	for _, shown := range []string{secret[:12], "1 2 3 4 5 6", "0x1, 0x2, 0x3", "010203", "\x01\x02\x03"} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("the secret is shown as %q", shown)
		}
	}
	if strings.Contains(out.String(), "content:") || strings.Contains(out.String(), "mac:") {
		t.Error("derived keys are shown")
	}
}
