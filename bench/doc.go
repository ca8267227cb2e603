// Package bench measures the hot paths of the server with `go test -bench`:
//
//	Mint, Open  each artifact through the vault, and the raw cryptography under
//	            it (Floor)
//	Ratio       the vault against a hand-made floor, both in one run: how many
//	            times the floor it is, and how many times it may be
//	Token       POST /token for both grants, over an in-memory listener
//	Call        a tool call with a bearer that was seen before and one that was not
//	Stream      over real sockets: a call that reports progress, beside plain ones,
//	            and a broadcast to 1,000 subscriptions
//
// It measures and asserts nothing about time: figures of two machines, or of
// two runs on a busy one, are not comparable, ratios within a run are.
package bench
