package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/crypto/replay"
	"mcp-oauth-server/crypto/replay/redisguard"
	"mcp-oauth-server/router"
	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/discovery"
	"mcp-oauth-server/router/grant"
	"mcp-oauth-server/router/metrics"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
	"mcp-oauth-server/router/register"
	"mcp-oauth-server/router/upstream"
	"mcp-oauth-server/router/upstream/devidp"
	"mcp-oauth-server/sse"
	"mcp-oauth-server/sse/bearer"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
	"mcp-oauth-server/tools"
	"mcp-oauth-server/tools/echo"
	"mcp-oauth-server/tools/stockprice"
	"mcp-oauth-server/tools/sum"
)

const serverName = "mcp-oauth-server"

// house is the built server, ready to be put behind listeners.
type house struct {
	*router.Health
	Handler fasthttp.RequestHandler
	Admin   fasthttp.RequestHandler
	// CloseStreams ends all open streams.
	CloseStreams func(context.Context)
	// Disconnect ends what connects the replicas, after all requests have ended.
	Disconnect func(context.Context) error
}

// registeredTools is the list of tools. A new tool is one package and one line
// here (docs/adding-a-tool.md).
func registeredTools() (*tools.Registry, error) {
	return tools.NewRegistry(append([]tools.Item{
		echo.Tool(),
		sum.Tool(),
		stockprice.Tool(time.Now, rand.Float64),
	}, extraItems()...)...)
}

// extraItems is nothing but in a build for the conformance suite (conformance.go).
var extraItems = func() []tools.Item { return nil }

// build makes the parts and hands them out. The rights to mint and to redeem
// artifacts are given in newEndpoint and newFront and nowhere else: a room
// without a Sealer of a kind cannot mint it.
func build(c config, log *slog.Logger) (*house, error) {
	ring, err := jose.NewRing(c.Site.URL(), c.Secrets)
	if err != nil {
		return nil, err
	}
	keySet, err := ring.JWKS(c.Algorithm)
	if err != nil {
		return nil, err
	}
	provider, err := upstream.New(c.Upstream)
	if err != nil {
		return nil, err
	}
	registry, err := registeredTools()
	if err != nil {
		return nil, err
	}
	pageSet, err := newPages(c, registry)
	if err != nil {
		return nil, err
	}
	vault := &artifact.Vault{
		Ring:      ring,
		Algorithm: c.Algorithm,
		Lifetimes: c.Lifetimes,
		Now:       time.Now,
		Issuers:   c.Site.Issuers(),
	}
	health := &router.Health{Fingerprint: ring.Fingerprint(), Version: version()}
	shared := connect(c, ring, log)
	endpoint := newEndpoint(c, vault, registry, shared.relay, log)
	front := newFront(c, vault, provider, pageSet, keySet, shared.guard, log)
	front.Health = health
	front.Metrics = metrics.New(metrics.Config{Version: health.Version, OpenStreams: endpoint.OpenStreams, Draining: health.Draining})
	front.Resource = router.Resource{
		SSE:     endpoint.Serve("/sse"),
		MCP:     endpoint.Serve("/mcp"),
		Message: endpoint.Message,
	}
	return &house{
		Health:       health,
		Handler:      front.Handler(),
		Admin:        front.AdminHandler(),
		CloseStreams: endpoint.Drain,
		Disconnect:   shared.disconnect,
	}, nil
}

// shared is what replicas have in common besides the key ring: nothing, or
// Redis.
type shared struct {
	relay      relay.Relay
	guard      replay.Guard
	disconnect func(context.Context) error
}

// connect begins to connect to Redis, if there is one. The server starts without
// it: until it is there, codes are answered 503 and nothing goes to other
// replicas.
func connect(c config, ring *jose.Ring, log *slog.Logger) shared {
	if c.Redis == nil {
		local := relay.NewLocal(log)
		return shared{local, &replay.Memory{Now: time.Now}, local.Close}
	}
	keys := ring.SharedKeys("relay")
	messages := relay.NewRedis(relay.Config{
		Redis:  c.Redis,
		Keys:   func() [][]byte { return keys },
		Issuer: c.Site.URL(),
		Now:    time.Now,
		Log:    log,
	})
	guard := redisguard.New(redisguard.Config{Redis: c.Redis, Issuer: c.Site.URL(), Now: time.Now, Log: log})
	return shared{messages, guard, func(ctx context.Context) error {
		return errors.Join(messages.Close(ctx), guard.Close())
	}}
}

// newEndpoint is the resource server's half: it redeems access tokens and mints
// nothing but the ids of its own sessions and streams.
func newEndpoint(c config, vault *artifact.Vault, registry *tools.Registry, messages relay.Relay, log *slog.Logger) *sse.Endpoint {
	e := &sse.Endpoint{
		Base:            c.Site.Base,
		AllowedOrigins:  c.Origins,
		LoopbackOrigins: c.Site.Loopback(),
		Bearer: &bearer.Checker{
			Open:      artifact.NewOpener[artifact.AccessToken](vault),
			Audiences: c.Site.Resources(),
			Scope:     oauth.ScopeTools,
		},
		MCP: &mcp.Server{
			Name:      serverName,
			Title:     "MCP OAuth Server",
			Version:   version(),
			Tools:     registry,
			Log:       log,
			SealState: sealState(artifact.NewSealer[artifact.RequestState](vault)),
			OpenState: openState(artifact.NewOpener[artifact.RequestState](vault)),
			Now:       time.Now,
		},
		Relay:             messages,
		SealSession:       artifact.NewSealer[artifact.Session](vault),
		OpenSession:       artifact.NewOpener[artifact.Session](vault),
		SealStream:        artifact.NewSealer[artifact.Stream](vault),
		OpenStream:        artifact.NewOpener[artifact.Stream](vault),
		MaxStreams:        c.MaxStreams,
		MaxStreamsPerUser: c.MaxStreamsPerUser,
		Legacy:            c.LegacySSE,
		Now:               time.Now,
		RequestTime:       (*fasthttp.RequestCtx).Time,
		Log:               log,
	}
	e.MCP.Announce = e.Announce
	return e
}

// sealState and openState let the MCP room seal its requestState, of which it
// knows nothing but what is in it.
func sealState(s artifact.Sealer[artifact.RequestState]) func(mcp.State) (string, error) {
	return func(state mcp.State) (string, error) {
		return s.Seal(artifact.RequestState{
			Subject: state.Subject, Client: artifact.Digest(state.Client), Method: state.Method, Digest: state.Digest, Payload: state.Payload,
		})
	}
}

func openState(o artifact.Opener[artifact.RequestState]) func(string) (mcp.State, error) {
	return func(sealed string) (mcp.State, error) {
		a, err := o.Open(sealed)
		if err != nil {
			return mcp.State{}, err
		}
		return mcp.State{Subject: a.Subject, Client: string(a.Client), Method: a.Method, Digest: a.Digest, Payload: a.Payload}, nil
	}
}

// newFront is the authorization server's half, room by room.
func newFront(c config, vault *artifact.Vault, provider *upstream.Provider, pageSet *pages.Set, keySet []byte, guard replay.Guard, log *slog.Logger) *router.House {
	clients := client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](vault), c.Site)
	return &router.House{
		Site:    c.Site,
		Landing: pageSet.Landing,
		Discovery: discovery.Room{
			Site:   c.Site,
			KeySet: keySet,
			Name:   serverName,
		},
		Register: register.Room{
			Seal: artifact.NewSealer[artifact.ClientRegistration](vault),
			Site: c.Site,
			Now:  time.Now,
			Log:  log,
		},
		Authorize: authorize.Room{
			Clients:    clients,
			SealTicket: artifact.NewSealer[artifact.ConsentTicket](vault),
			OpenTicket: artifact.NewOpener[artifact.ConsentTicket](vault),
			SealState:  artifact.NewSealer[artifact.UpstreamState](vault),
			OpenState:  artifact.NewOpener[artifact.UpstreamState](vault),
			SealLong:   artifact.NewSealer[artifact.LongState](vault),
			OpenLong:   artifact.NewOpener[artifact.LongState](vault),
			SealCode:   artifact.NewSealer[artifact.AuthorizationCode](vault),
			Provider:   provider,
			Policy:     c.Policy,
			Claims:     c.Claims,
			Site:       c.Site,
			Pages:      pageSet,
			Log:        log,
		},
		Grant: grant.Room{
			Clients:     clients,
			OpenCode:    artifact.NewOpener[artifact.AuthorizationCode](vault),
			OpenRefresh: artifact.NewOpener[artifact.RefreshToken](vault),
			SealAccess:  artifact.NewSealer[artifact.AccessToken](vault),
			SealRefresh: artifact.NewSealer[artifact.RefreshToken](vault),
			Guard:       guard,
			Site:        c.Site,
			Lifetimes:   c.Lifetimes,
			Now:         time.Now,
			Log:         log,
		},
		Remote: router.Remote{Trusted: c.TrustedProxies},
		Log:    log,
	}
}

func newPages(c config, registry *tools.Registry) (*pages.Set, error) {
	set := &pages.Set{Site: c.Site, Provider: providerName(c.Upstream), RequestID: router.RequestID}
	if c.Dev {
		set.Provider = "the development provider (" + set.Provider + ")"
		set.DevUsers = devidp.Users()
	}
	for _, t := range registry.Tools() {
		shown, err := pages.NewTool(t.Name, t.Title, t.Description, t.InputSchema)
		if err != nil {
			return nil, fmt.Errorf("describing the tools: %w", err)
		}
		set.Tools = append(set.Tools, shown)
	}
	return set, nil
}

// providerName is the identity provider as people know it: its host.
func providerName(u upstream.Config) string {
	address := u.Issuer
	if address == "" {
		address = u.AuthURL
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return address
	}
	return parsed.Host
}
