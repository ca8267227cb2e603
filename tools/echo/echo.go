// Package echo is the smallest tool: it says back what it is told. It is there
// to see that a client, its login and this server work together.
package echo

import "mcp-oauth-server/tools"

// Input is what echo is told.
type Input struct {
	Message string `json:"message" jsonschema:"the text to send back"`
}

// Output is what echo says.
type Output struct {
	EchoedMessage string `json:"echoed_message" jsonschema:"the text that was sent"`
}

// String is the text form of the output.
func (o Output) String() string { return "Echo: " + o.EchoedMessage }

// Tool returns the tool "echo".
func Tool() tools.Tool {
	return tools.NewFunc(tools.Spec{
		Name:        "echo",
		Title:       "Echo",
		Description: "Sends a message back unchanged. Use it to check the connection.",
		Effects:     tools.Effects{ReadOnly: true, Idempotent: true, NonDestructive: true, ClosedWorld: true},
	}, echo)
}

func echo(in Input) (Output, error) {
	return Output{EchoedMessage: in.Message}, nil
}
