//go:build !linux

package main

import "log/slog"

// releaseCode does nothing: other systems count the pages of an executable in
// other ways.
func releaseCode(*slog.Logger) {}
