package bearer

// The statuses of a Refusal.
const (
	BadRequest   = 400
	Unauthorized = 401
	Forbidden    = 403
)

// Refusal says why a request may not pass. It never holds any part of a token.
type Refusal struct {
	// Status is the HTTP status: BadRequest, Unauthorized or Forbidden.
	Status int
	// Code is the error code of RFC 6750 §3.1. It is empty if no token was
	// presented: a client that only asks what it needs made no mistake.
	Code string
	// Description is for people.
	Description string
}

// unauthenticated answers whoever has not tried yet.
var unauthenticated = &Refusal{Status: Unauthorized, Description: "an access token is needed: Authorization: Bearer <token>"}

func malformed(description string) *Refusal {
	return &Refusal{BadRequest, "invalid_request", description}
}

func invalidToken(description string) *Refusal {
	return &Refusal{Unauthorized, "invalid_token", description}
}

// InQuery refuses a request whose URL carries a token (RFC 6750 §2.3): URLs end
// up in logs and histories. The token is not looked at.
func InQuery() *Refusal {
	return malformed("an access token must not be in the URL; send it in the Authorization header, and consider this one disclosed")
}

// AppendChallenge appends the value of WWW-Authenticate (RFC 6750 §3, RFC 9728
// §5.1). The URL of the protected-resource document is base and path; none of the
// arguments may contain a quote.
func (r *Refusal) AppendChallenge(dst []byte, base, path, scope string) []byte {
	dst = append(append(append(dst, `Bearer resource_metadata="`...), base...), path...)
	dst = append(append(append(dst, `", scope="`...), scope...), '"')
	if r.Code != "" {
		dst = append(append(append(dst, `, error="`...), r.Code...), '"')
		dst = append(append(append(dst, `, error_description="`...), r.Description...), '"')
	}
	return dst
}
