package e2e

import "context"

type backendKey struct{}

func withBackend(ctx context.Context, addr string) context.Context {
	return context.WithValue(ctx, backendKey{}, addr)
}
