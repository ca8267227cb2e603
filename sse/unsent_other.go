//go:build !linux

package sse

// boundUnsent does nothing: not every system has such a bound.
func boundUnsent(uintptr) {}
