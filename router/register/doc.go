// Package register is the room of dynamic client registration (RFC 7591).
//
//	POST /register   JSON metadata → 201 with a client_id that is the registration
//
// It parses the metadata strictly, keeps what this server can serve, says in the
// answer what it kept, and seals it into the client_id. Every client is public:
// whoever asks for a secret is registered without one and told so.
//
// It stores nothing, fetches nothing that a registration points to, and offers
// no management of registrations (RFC 7592), because a client_id is its data.
package register
