package upstream

import "errors"

var (
	// ErrUnavailable means the provider is down, slow, overloaded or cannot be reached: the same login may work later.
	// The user is told temporarily_unavailable.
	ErrUnavailable = errors.New("identity provider unavailable")
	// ErrRefused means the provider answered and the answer does not prove who the user is. The user is told
	// server_error; the log says which check failed.
	ErrRefused = errors.New("identity provider's answer refused")
)
