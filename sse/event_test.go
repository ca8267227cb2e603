package sse

import (
	"strings"
	"testing"
)

// parse is a reader of event streams, written from the text of the WHATWG
// standard (HTML §9.2.6), line by line and with no regard for speed.
func parse(stream string) (events [][2]string) {
	stream = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream)
	name, data, any := "", "", false
	lines := strings.Split(stream, "\n")
	for _, line := range lines[:len(lines)-1] { // what follows the last line end is discarded
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if any {
				events = append(events, [2]string{name, strings.TrimSuffix(data, "\n")})
			}
			name, data, any = "", "", false
		case field == "event":
			name = value
		case field == "data":
			data, any = data+value+"\n", true
		}
	}
	return events
}

func check(t *testing.T, name string, data []byte) {
	t.Helper()
	frame := string(appendEvent(nil, name, data)) + string(comment("between")) + string(appendEvent(nil, "message", []byte("{}")))
	want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
	got := parse(frame)
	if len(got) != 2 || got[0] != [2]string{name, want} || got[1] != [2]string{"message", "{}"} {
		t.Errorf("%q became %q", data, got)
	}
}

var frames = []string{
	"", "{}", "a\nb", "a\rb", "a\r\nb", "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "\n\r", "a\n\nevent: evil\ndata: x\n\n",
	"\nid: 7", "retry: 1", " leading", ": comment", "\x00", "\u2028\u2029", "\xff\xfe", "a\r", "a\n",
}

func TestNoContentBreaksOutOfItsEvent(t *testing.T) {
	for _, data := range frames {
		check(t, "message", []byte(data))
	}
}

func TestJSONIsOneLine(t *testing.T) {
	if got := string(appendEvent(nil, "message", []byte(`{"a":1}`))); got != "event: message\ndata: {\"a\":1}\n\n" {
		t.Errorf("%q", got)
	}
}

func FuzzEvent(f *testing.F) {
	for _, data := range frames {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, "message", data) })
}
