package register

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/router/oauth"
)

// maxDepth bounds the nesting of a registration, whose own members need three
// levels.
const maxDepth = 16

// members are the members of the registration by their exact names. A name in
// another letter case is another, unknown name: case-insensitive readers can be
// made to take a value that a check in front of them did not see.
type members map[string]jsontext.Value

// readMembers parses one JSON object strictly: duplicate names at any level,
// invalid UTF-8, a byte order mark and trailing data are refused.
func readMembers(body []byte) (members, *oauth.Error) {
	var m members
	if checkDepth(body) != nil || json.Unmarshal(body, &m) != nil || m == nil {
		return nil, invalid(fmt.Sprintf("the body is not one JSON object in UTF-8 with unique names and at most %d levels", maxDepth))
	}
	return m, nil
}

// checkDepth walks the body token by token, so that deep nesting is refused
// before anything recurses into it.
func checkDepth(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		_, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case d.StackDepth() > maxDepth:
			return errors.New("too deep")
		}
	}
}

// text returns a string member, "" when it is absent or null: some clients
// write out what they do not have.
func (m members) text(name string, limit int) (string, *oauth.Error) {
	var s string
	if v, ok := m[name]; ok && json.Unmarshal(v, &s) != nil {
		return "", invalid(name + " is not a string")
	}
	if utf8.RuneCountInString(s) > limit {
		return "", invalid(name + " is too long")
	}
	return s, nil
}

// list returns a member that is an array of strings, empty when it is absent or
// null.
func (m members) list(name string) ([]string, *oauth.Error) {
	v, ok := m[name]
	if !ok || v.Kind() == 'n' {
		return nil, nil
	}
	var elements []*string
	if json.Unmarshal(v, &elements) != nil || len(elements) > maxList {
		return nil, invalid(name + " is not a short array of strings")
	}
	all := make([]string, 0, len(elements))
	for _, e := range elements {
		if e == nil {
			return nil, invalid(name + " has an element that is not a string")
		}
		all = append(all, *e)
	}
	return all, nil
}

// maxList bounds the arrays of a registration. No array of ours needs more.
const maxList = 32

// present says whether a member is there and is not null.
func (m members) present(name string) bool {
	v, ok := m[name]
	return ok && !bytes.Equal(v, []byte("null"))
}

func invalid(description string) *oauth.Error {
	return oauth.NewError(oauth.InvalidClientMetadata, description)
}
