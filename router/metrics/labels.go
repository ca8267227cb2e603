package metrics

import "strconv"

// Route is what a request was for. The list is closed: a path that is not served
// is Other, whatever stands in it.
type Route uint8

// The routes.
const (
	Token Route = iota
	Register
	Authorize
	Consent
	Callback
	MCP      // POST of /sse and /mcp: the tool calls
	Stream   // GET of /sse and /mcp
	Message  // /sse/message
	Metadata // the documents below /.well-known/
	JWKS
	Health
	Landing
	Preflight // OPTIONS of any path: a browser asks before it asks
	Other     // what was refused before it came to a route, or had none
	routes    // how many there are
)

var routeNames = [routes]string{
	Token: "token", Register: "register", Authorize: "authorize", Consent: "consent", Callback: "callback",
	MCP: "mcp", Stream: "stream", Message: "message", Metadata: "metadata", JWKS: "jwks", Health: "health",
	Landing: "landing", Preflight: "preflight", Other: "other",
}

// codes are the statuses that mean something of their own to an operator, and
// classes for all others: few enough for every route to have them all from the
// start, without which the first error of a kind would not show as an increase.
// A class is spelled so that code=~"5.." finds it too. The first one also takes
// what is no status: that would be a fault of ours.
var codes = [...]string{"5xx", "500", "503", "4xx", "400", "401", "403", "404", "421", "429", "3xx", "2xx"}

// statuses is how many numbers an HTTP status can be, with those that it cannot.
const statuses = 600

// codeOf is the place in codes of each status.
var codeOf = func() (table [statuses]uint8) {
	for i, code := range codes {
		from, of := int(code[0]-'0')*100, 100
		if status, err := strconv.Atoi(code); err == nil {
			from, of = status, 1
		}
		for status := range of {
			table[from+status] = uint8(i)
		}
	}
	return table
}()
