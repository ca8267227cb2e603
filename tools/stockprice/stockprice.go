// Package stockprice is a demonstration of a tool with a clock, chance and a
// helpful error: it invents prices for ten well-known symbols. No market is
// asked, and the description says so to the model.
package stockprice

import (
	"fmt"
	"math"
	"strings"
	"time"

	"mcp-oauth-server/tools"
)

// Input names the stock.
type Input struct {
	Symbol string `json:"symbol" jsonschema:"the ticker symbol in upper or lower case, for example AAPL"`
}

// Output is one price.
type Output struct {
	Symbol      string  `json:"symbol" jsonschema:"the ticker symbol in upper case"`
	Price       float64 `json:"price" jsonschema:"the price of one share"`
	Currency    string  `json:"currency" jsonschema:"the currency of the price as an ISO 4217 code"`
	LastUpdated string  `json:"last_updated" jsonschema:"the time of the price as an RFC 3339 timestamp"`
}

// String is the text form of the output.
func (o Output) String() string {
	return fmt.Sprintf("%s: %.2f %s (demo price of %s)", o.Symbol, o.Price, o.Currency, o.LastUpdated)
}

// stock is one demo symbol and the price its quotes vary around, in USD.
type stock struct {
	symbol string
	base   float64
}

var stocks = []stock{
	{"AAPL", 189.50}, {"GOOGL", 141.80}, {"MSFT", 415.20}, {"AMZN", 178.30}, {"TSLA", 242.60},
	{"NVDA", 875.40}, {"META", 484.10}, {"NFLX", 612.90}, {"AMD", 164.70}, {"INTC", 42.30},
}

// spread is how far a price lies from its base at most: 5 %.
const spread = 0.05

// Tool returns the tool "stock_price". now tells the time of a price; roll
// returns numbers in [0, 1), like math/rand/v2.Float64, and must be safe for
// concurrent use.
func Tool(now func() time.Time, roll func() float64) tools.Tool {
	m := market{now: now, roll: roll}
	return tools.NewFunc(tools.Spec{
		Name:  "stock_price",
		Title: "Stock price",
		Description: "Returns a made-up demo price in USD, not a real quote, for one of these symbols: " +
			strings.Join(symbols(), ", ") + ".",
		Effects: tools.Effects{ReadOnly: true, Idempotent: true, NonDestructive: true, ClosedWorld: true},
	}, m.quote)
}

// market invents prices.
type market struct {
	now  func() time.Time
	roll func() float64
}

func (m market) quote(in Input) (Output, error) {
	for _, s := range stocks {
		if strings.EqualFold(s.symbol, strings.TrimSpace(in.Symbol)) {
			price := s.base * (1 + spread*(2*m.roll()-1))
			return Output{
				Symbol:      s.symbol,
				Price:       math.Round(price*100) / 100,
				Currency:    "USD",
				LastUpdated: m.now().UTC().Format(time.RFC3339),
			}, nil
		}
	}
	return Output{}, fmt.Errorf("symbol %.20q is not available; available symbols: %s", in.Symbol, strings.Join(symbols(), ", "))
}

func symbols() []string {
	names := make([]string, len(stocks))
	for i, s := range stocks {
		names[i] = s.symbol
	}
	return names
}
