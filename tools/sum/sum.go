// Package sum is the tool that adds two numbers. It shows a tool whose handler
// can fail: a sum may be too large for a number.
package sum

import (
	"errors"
	"fmt"
	"math"

	"mcp-oauth-server/tools"
)

// Input is the two numbers to add.
type Input struct {
	A float64 `json:"a" jsonschema:"the first number"`
	B float64 `json:"b" jsonschema:"the second number"`
}

// Output is their sum. The text form repeats the question, so it needs A and B.
type Output struct {
	Result float64 `json:"result" jsonschema:"the sum of a and b"`

	in Input
}

// String is the text form of the output.
func (o Output) String() string {
	return fmt.Sprintf("%.2f + %.2f = %.2f", o.in.A, o.in.B, o.Result)
}

// Tool returns the tool "sum".
func Tool() tools.Tool {
	return tools.NewFunc(tools.Spec{
		Name:        "sum",
		Title:       "Sum",
		Description: "Adds two numbers.",
		Effects:     tools.Effects{ReadOnly: true, Idempotent: true, NonDestructive: true, ClosedWorld: true},
	}, sum)
}

func sum(in Input) (Output, error) {
	result := in.A + in.B
	if math.IsInf(result, 0) { // JSON has no infinity
		return Output{}, errors.New("the sum is too large: keep both numbers below 8e307")
	}
	return Output{Result: result, in: in}, nil
}
