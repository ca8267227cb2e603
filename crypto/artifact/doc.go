// Package artifact holds the letters that the rooms of this server write to
// each other. A room never hands a Go value to the next one: it seals an
// artifact, the browser or the client carries it, and whichever replica
// receives it opens it. That is all the state there is.
//
// There is one file per artifact. Each says who mints it, who redeems it, how
// long it lives and what it must be checked for besides what opening checks.
//
//	ClientRegistration  register  -> authorize, grant   carried as client_id
//	ConsentTicket       authorize -> consent            hidden form field
//	UpstreamState       consent   -> callback           state at the provider
//	LongState           consent   -> callback           flow cookie, only for a long client state
//	AuthorizationCode   callback  -> grant              code
//	AccessToken         grant     -> sse/bearer         Bearer
//	RefreshToken        grant     -> grant              refresh_token
//	Session             sse       -> sse                Mcp-Session-Id
//	Stream              sse       -> sse                endpoint of a legacy stream
//	RequestState        sse/mcp   -> sse/mcp            requestState of a call that asks
//
// Rights are types: a room that is given a Sealer[AuthorizationCode] and no
// Sealer[AccessToken] cannot mint an access token. The program's main function
// hands them out on one screen.
//
// This package knows no HTTP. It decides whether an artifact is genuine, of the
// right kind and alive; whether it fits the request at hand (same client, same
// redirect URI, same user) is the redeeming room's business.
package artifact
