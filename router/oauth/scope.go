package oauth

import (
	"slices"
	"strings"
)

// ScopeTools is the one scope of this server: list and call tools.
const ScopeTools = "mcp:tools"

// ScopeOffline is advertised because some clients ask for refresh tokens by it
// (OpenID Connect Core §11). Refresh tokens are issued regardless, so it is
// accepted and never part of a grant.
const ScopeOffline = "offline_access"

// GrantScope returns what is granted for a requested scope parameter, within a
// limit: the intersection, or the whole limit when nothing usable was asked
// for. Real clients ask for scopes of other servers; refusing them helps nobody,
// and the granted scope is returned to them (RFC 6749 §3.3).
func GrantScope(requested, limit string) string {
	var granted []string
	for _, s := range strings.Fields(limit) {
		if slices.Contains(strings.Fields(requested), s) {
			granted = append(granted, s)
		}
	}
	if len(granted) == 0 {
		return limit
	}
	return strings.Join(granted, " ")
}
