package mcp

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// Ask asks the client: at once where it can answer a request of ours, by a result
// that requires input from 2026-07-28 on.
func (x *exchange) Ask(ctx context.Context, inquiries []tools.Inquiry) ([]jsontext.Value, error) {
	if x.modern {
		return x.require(inquiries)
	}
	results := make([]jsontext.Value, len(inquiries))
	for i, q := range inquiries {
		var err error
		if results[i], err = x.ask(ctx, q); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// request is a JSON-RPC 2.0 request of ours.
type request struct {
	JSONRPC version        `json:"jsonrpc"`
	ID      string         `json:"id"`
	Method  string         `json:"method"`
	Params  jsontext.Value `json:"params,omitzero"`
}

// errNoAnswer: the person did not answer, or the client did not.
var errNoAnswer = errors.New("the client did not answer in time; try again when somebody is there to answer")

// ask sends one request to the client and waits for its answer.
func (x *exchange) ask(ctx context.Context, q tools.Inquiry) (jsontext.Value, error) {
	id := x.conversation.NewID()
	params := q.Params
	if x.visitIDs && q.Needs == ElicitationURL {
		params = prefixed(`{"elicitationId":"`+id+`",`, params[1:])
	}
	body, err := json.Marshal(request{ID: id, Method: q.Method, Params: params})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tools.ErrInternal, q.Method, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	response, err := x.conversation.Ask(ctx, id, body)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, errNoAnswer
	case err != nil:
		return nil, fmt.Errorf("the client could not be asked: %w", err)
	}
	return readResponse(response, id)
}

// readResponse returns the result of a client's response. Which request it is
// for was decided by its id, which is looked at again: it came a long way.
func readResponse(body []byte, id string) (jsontext.Value, error) {
	if checkJSON(body) != nil {
		return nil, errors.New("the client's answer is not valid JSON")
	}
	m, problem := readObject(body, true, "id", "result", "error")
	if problem != nil {
		return nil, problem
	}
	if got, ok := stringOf(m.get("id")); !ok || got != id {
		return nil, errors.New("the client's answer is to another question")
	}
	if raw := m.get("error"); raw != nil {
		var e struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(raw, &e) // an error without a message is an error
		return nil, fmt.Errorf("the client refused to answer: %.200q", e.Message)
	}
	if m.get("result").Kind() != '{' {
		return nil, errors.New("the client's answer has no result")
	}
	return m.get("result"), nil
}

func prefixed(head string, rest []byte) jsontext.Value {
	return append(jsontext.Value(head), rest...)
}
