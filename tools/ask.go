package tools

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// Question is something only the client can tell: *Form, *Visit, *Sampling or
// *Roots. Context.Ask fills in its answer.
type Question interface {
	inquiry() (Inquiry, error)
	take(result jsontext.Value) error
}

// Action is what a person did with a question.
type Action string

// The actions there are. Only Accept is a yes.
const (
	Accept  Action = "accept"
	Decline Action = "decline"
	Cancel  Action = "cancel"
)

// Form asks the person to fill in a form (elicitation). Never ask for a
// password or a key: the client sees it, and the form is not made for it.
type Form struct {
	// Key names the question to the client; it is made up if empty. A client that
	// knows the key may send the answer with its first request.
	Key string
	// Message says what is asked and why. REQUIRED.
	Message string
	// Schema is the JSON Schema of the answer: a flat object of strings, numbers,
	// booleans and choices. REQUIRED.
	Schema jsontext.Value

	// Action is what the person did.
	Action Action
	// Content fits Schema if Action is Accept and is nil otherwise.
	Content jsontext.Value
}

// Visit asks the person to open a page, to log in somewhere or to pay, say, and
// to come back (elicitation in URL mode). Accept means that the person agreed to
// open it, not that it is done. The URL must hold nothing secret, and the page
// must find out for itself that its visitor is the caller.
type Visit struct {
	// Key is as in Form.
	Key string
	// Message says why. REQUIRED.
	Message string
	// URL is the page. REQUIRED.
	URL string

	// Action is what the person did.
	Action Action
}

// Sampling asks the client's model.
type Sampling struct {
	// Key is as in Form.
	Key string
	// System is the system prompt. OPTIONAL.
	System string
	// Messages is the conversation to continue, of Text, Image and Audio. REQUIRED.
	Messages []Message
	// MaxTokens bounds the answer. REQUIRED.
	MaxTokens int

	// Answer is what the model said, Model which one it was.
	Answer Contents
	Model  string
}

// Roots asks which directories and files the client works on.
type Roots struct {
	// Key is as in Form.
	Key string

	// Roots is what the client shows.
	Roots []Root
}

// Root is one of them.
type Root struct {
	// URI begins with file:// today.
	URI string `json:"uri"`
	// Name is for people and may be empty.
	Name string `json:"name,omitzero"`
}

// Inquiry is a question in the words of the protocol.
type Inquiry struct {
	// Key is what the tool calls it; empty if it does not care.
	Key string
	// Method and Params are the request to the client.
	Method string
	Params jsontext.Value
	// Needs is what the client must be able to do.
	Needs Abilities
	// Check refuses a result that is no answer.
	Check func(result jsontext.Value) error
}

// MissingAbility says that the client cannot do what a handler needs. A handler
// that cannot do without passes it on.
type MissingAbility struct{ Needs Abilities }

func (e *MissingAbility) Error() string {
	return "this needs a client that offers " + e.Needs.String() + "; yours does not"
}

// ErrNoConversation says that the client cannot be asked the way it is connected.
var ErrNoConversation = errors.New("the client cannot be asked over this connection")

// Ask asks the client all the questions at once and fills in the answers.
//
// It works in every revision, by one rule: until Ask returns nil, return its
// error at once, as it is. Up to 2025-11-25 Ask waits for the client. From
// 2026-07-28 on it ends the call with an error, the client sends its answers in
// a new call, and the handler runs again from its beginning: Ask then fills in
// what is known and goes on. So what a handler does before Ask is done once per
// round and must have no effect outside; and it must ask the same again, since
// an answer counts for exactly the question it was given to.
//
// The error is a *MissingAbility if the client does not offer what is needed.
// The time a person takes does not count as the handler's time.
func (c *Context) Ask(questions ...Question) error {
	client := c.line.take()
	if client == nil {
		return ErrNoConversation
	}
	defer c.line.giveBack()
	inquiries := make([]Inquiry, len(questions))
	var missing Abilities
	for i, q := range questions {
		inquiry, err := q.inquiry()
		if err != nil {
			return fmt.Errorf("%w: bad question: %w", ErrInternal, err)
		}
		inquiry.Check = q.take
		inquiries[i] = inquiry
		if !client.Can(inquiry.Needs) {
			missing |= inquiry.Needs
		}
	}
	if missing != 0 {
		return &MissingAbility{missing}
	}
	ctx, cancel := context.WithTimeout(c.Context, c.askTimeout)
	defer cancel()
	c.limit.pause()
	defer c.limit.resume()
	results, err := client.Ask(ctx, inquiries)
	if err != nil {
		return err
	}
	for i, q := range questions {
		if err := q.take(results[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *Form) inquiry() (Inquiry, error) {
	if _, err := resolve(f.Schema); err != nil {
		return Inquiry{}, err
	}
	params, err := json.Marshal(struct {
		Message string         `json:"message"`
		Schema  jsontext.Value `json:"requestedSchema"`
	}{f.Message, f.Schema})
	return Inquiry{Key: f.Key, Method: "elicitation/create", Params: params, Needs: ElicitationForm}, err
}

func (f *Form) take(result jsontext.Value) error {
	action, content, err := readElicitation(result)
	if err != nil {
		return err
	}
	f.Action, f.Content = action, nil
	if action != Accept {
		return nil
	}
	schema, err := resolve(f.Schema)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(content, &v); err != nil {
		return errors.New("the answer to the form has no content")
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("the answer does not fit the form: %s", brief(err))
	}
	f.Content = content
	return nil
}

func (v *Visit) inquiry() (Inquiry, error) {
	params, err := json.Marshal(struct {
		Mode    string `json:"mode"`
		Message string `json:"message"`
		URL     string `json:"url"`
	}{"url", v.Message, v.URL})
	return Inquiry{Key: v.Key, Method: "elicitation/create", Params: params, Needs: ElicitationURL}, err
}

func (v *Visit) take(result jsontext.Value) error {
	action, _, err := readElicitation(result)
	if err == nil {
		v.Action = action
	}
	return err
}

func readElicitation(result jsontext.Value) (Action, jsontext.Value, error) {
	var r struct {
		Action  Action         `json:"action"`
		Content jsontext.Value `json:"content"`
	}
	if err := json.Unmarshal(result, &r); err != nil {
		return "", nil, errors.New("the answer is no elicitation result")
	}
	switch r.Action {
	case Accept, Decline, Cancel:
		return r.Action, r.Content, nil
	}
	return "", nil, errors.New("the answer's action is none of accept, decline and cancel")
}

func (s *Sampling) inquiry() (Inquiry, error) {
	params, err := json.Marshal(struct {
		Messages  []Message `json:"messages"`
		System    string    `json:"systemPrompt,omitzero"`
		MaxTokens int       `json:"maxTokens"`
	}{s.Messages, s.System, s.MaxTokens})
	return Inquiry{Key: s.Key, Method: "sampling/createMessage", Params: params, Needs: SamplingAbility}, err
}

// take accepts one content block, and a list of them as from 2025-11-25 on.
func (s *Sampling) take(result jsontext.Value) error {
	var r struct {
		Content jsontext.Value `json:"content"`
		Model   string         `json:"model"`
	}
	var blocks []jsontext.Value
	err := json.Unmarshal(result, &r)
	if err == nil && r.Content.Kind() == '[' {
		err = json.Unmarshal(r.Content, &blocks)
	} else {
		blocks = []jsontext.Value{r.Content}
	}
	if err != nil {
		return errors.New("the answer is no sampling result")
	}
	answer := make(Contents, 0, len(blocks))
	for _, raw := range blocks {
		content, ok := readContent(raw)
		if !ok {
			return errors.New("the model's answer holds neither text nor image nor audio")
		}
		answer = append(answer, content)
	}
	s.Answer, s.Model = answer, r.Model
	return nil
}

func (r *Roots) inquiry() (Inquiry, error) {
	// The members are optional, but there are clients that fall over missing ones.
	return Inquiry{Key: r.Key, Method: "roots/list", Params: jsontext.Value("{}"), Needs: RootsAbility}, nil
}

func (r *Roots) take(result jsontext.Value) error {
	var list struct {
		Roots *[]Root `json:"roots"`
	}
	if err := json.Unmarshal(result, &list); err != nil || list.Roots == nil {
		return errors.New("the answer is no list of roots")
	}
	r.Roots = *list.Roots
	return nil
}

// resolve reads a JSON schema without ever fetching one.
func resolve(schema jsontext.Value) (*jsonschema.Resolved, error) {
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("not a JSON schema: %w", err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("bad JSON schema: %w", err)
	}
	return resolved, nil
}
