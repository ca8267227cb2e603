package mcp

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// textResult is the result of tools/call that most tools have, one text. It is
// what a [callResult] with one text is, put together without reflection.
type textResult struct {
	head       resultHead
	text       string
	structured jsontext.Value // compact, as the tools write it
	isError    bool
}

// response is the response to the request with this id, on one line, written
// into room if there is enough.
func (r *textResult) response(room []byte, id jsontext.Value) []byte {
	body := slices.Grow(room[:0], r.size()+len(id))
	body = append(body, `{"jsonrpc":"2.0","id":`...)
	body = appendID(body, id)
	body = append(body, `,"result":{`...)
	if r.head.Meta != nil {
		body = appendHead(body, r.head)
	}
	body = append(body, `"content":[{"type":"text","text":`...)
	body = appendText(body, r.text)
	body = append(body, `}]`...)
	if len(r.structured) > 0 {
		body = append(append(body, `,"structuredContent":`...), r.structured...)
	}
	if r.isError {
		body = append(body, `,"isError":true`...)
	}
	return append(body, `}}`...)
}

// size is about the length of the response without its id; a text with many
// escapes makes it longer.
func (r *textResult) size() int {
	n := 128 + len(r.text) + len(r.text)/8 + len(r.structured)
	if r.head.Meta != nil {
		info := r.head.Meta.ServerInfo
		n += 128 + len(info.Name) + len(info.Title) + len(info.Version)
	}
	return n
}

// appendID writes an id as encode does: a string in its plain form.
func appendID(body []byte, id jsontext.Value) []byte {
	if bytes.IndexByte(id, '\\') < 0 {
		return append(body, id...)
	}
	name, _ := stringOf(id)
	return appendText(body, name)
}

// appendHead writes the members of a modern head, each with a comma behind it.
func appendHead(body []byte, head resultHead) []byte {
	info := head.Meta.ServerInfo
	body = append(append(append(body, `"resultType":"`...), head.ResultType...), `","_meta":{"io.modelcontextprotocol/serverInfo":{"name":`...)
	body = appendText(body, info.Name)
	if info.Title != "" {
		body = appendText(append(body, `,"title":`...), info.Title)
	}
	body = appendText(append(body, `,"version":`...), info.Version)
	return append(body, `}},`...)
}

func appendText(body []byte, text string) []byte {
	body, err := tools.AppendQuote(body, text)
	if err != nil {
		panic(err) // checked to be UTF-8 by whoever made it
	}
	return body
}
