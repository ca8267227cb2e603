package sse

import "bytes"

// appendEvent appends one server-sent event. The data is split at every line
// end the format knows (CR, LF, CRLF), so no content can begin a field of its
// own, say a second event. event must hold no line end.
func appendEvent(frame []byte, event string, data []byte) []byte {
	frame = append(append(append(frame, "event: "...), event...), '\n')
	for {
		end := bytes.IndexAny(data, "\r\n")
		if end < 0 {
			break
		}
		frame = appendData(frame, data[:end])
		if bytes.HasPrefix(data[end:], []byte("\r\n")) {
			end++
		}
		data = data[end+1:]
	}
	return append(appendData(frame, data), '\n')
}

func appendData(frame, line []byte) []byte {
	return append(append(append(frame, "data: "...), line...), '\n')
}

// comment is a line that clients skip.
func comment(text string) []byte { return []byte(": " + text + "\n\n") }
