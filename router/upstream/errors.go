package upstream

import (
	"cmp"
	"errors"
	"fmt"
)

var (
	// ErrUnavailable means the provider is down, slow, overloaded, misconfigured or cannot be reached: the same login
	// may work later. The user is told temporarily_unavailable.
	ErrUnavailable = errors.New("identity provider unavailable")
	// ErrRefused means the provider answered and the answer does not prove who the user is. The user is told
	// server_error; the log says which check failed.
	ErrRefused = errors.New("identity provider's answer refused")
)

// fault is every error that leaves this package: one of the two kinds, where it happened, and a reason that we wrote.
// It never wraps the error of a library, because those quote what the provider sent.
type fault struct {
	kind   error
	step   string
	reason string
}

func (f *fault) Error() string {
	if f.step == "" {
		return fmt.Sprintf("%v: %s", f.kind, f.reason)
	}
	return fmt.Sprintf("%v: %s: %s", f.kind, f.step, f.reason)
}

func (f *fault) Unwrap() error { return f.kind }

func unavailable(format string, args ...any) error {
	return &fault{kind: ErrUnavailable, reason: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return &fault{kind: ErrRefused, reason: fmt.Sprintf(format, args...)}
}

// at says at which step err happened, unless that is said already. Whatever is not a fault of ours comes from a library that could not read the
// answer, and its text is dropped.
func at(step string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return &fault{kind: f.kind, step: cmp.Or(f.step, step), reason: f.reason}
	}
	return &fault{kind: ErrRefused, step: step, reason: "the answer is not what the protocol asks for"}
}

// asUnavailable turns any fault into "try again later": a discovery document or a key set that cannot be used says
// nothing about the user who is logging in.
func asUnavailable(step string, err error) error {
	f, _ := errors.AsType[*fault](at(step, err)) // at makes nothing else
	f.kind = ErrUnavailable
	return f
}
