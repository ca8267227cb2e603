package mcp

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
)

// defaultPageSize is the number of entries in one page.
const defaultPageSize = 100

// page cuts the client's page out of a list. A cursor says where the page begins
// and of which list; it is no secret and gives no right. One that was made for
// another list (of another method or user, or before a change) is refused: the
// client would miss an entry and not know.
func page[T any](s *Server, x *exchange, all []T, name func(*T) string) ([]T, string, *Error) {
	size := s.PageSize
	if size <= 0 {
		size = defaultPageSize
	}
	cursor := ""
	if raw := x.params.get("cursor"); raw != nil {
		var ok bool
		if cursor, ok = stringOf(raw); !ok {
			return nil, "", invalidParams("cursor must be a string")
		}
	}
	if cursor == "" && len(all) <= size { // some clients send an empty cursor for the first page
		return all, "", nil
	}
	list := fingerprint(x.method, all, name)
	start := 0
	if cursor != "" {
		for start = size; start < len(all) && cursor != cursorOf(start, list); start += size {
		}
		if start >= len(all) {
			return nil, "", invalidParams("unknown cursor: begin the list anew")
		}
	}
	end := min(start+size, len(all))
	if end == len(all) {
		return all[start:], "", nil
	}
	return all[start:end], cursorOf(end, list), nil
}

func cursorOf(start int, list string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%d.%s", start, list)))
}

// fingerprint tells one list from another.
func fingerprint[T any](method string, all []T, name func(*T) string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", method)
	for i := range all {
		io.WriteString(h, name(&all[i])+"\n") //nolint:errcheck // a hash does not fail
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}
