// Package relay carries messages to whoever waits for them: an open stream, or
// a call that waits for its client's answer. Waiting is a matter of a socket or
// of a goroutine, so it has a place; the message may arrive at any replica.
//
//	Local   everybody waits here; an id of another replica is ErrNobody at once
//	Redis   the replicas find each other through Redis pub/sub
//
// An id is made here: 256 bits, of which half say the replica and half the
// registration. It names, and proves nothing: a message is delivered only if it
// comes from the owner of the registration, and to everybody else there is no
// such id.
//
// Through Redis, a delivery is a letter to the channel of one replica, which
// answers with a receipt. Only the receipt is success; silence is
// ErrUnavailable, and a channel without a subscriber is ErrNobody. Letters are
// encrypted and authenticated (AES-256-GCM), bound to their channel, and taken
// once, so another tenant of the Redis can neither read, inject, redirect nor
// repeat them; it can only get in the way.
//
//	files   registry.go   who waits here        letter.go   what goes over the wire
//	        local.go      without Redis         seal.go     how it is protected
//	        redis.go      sending               window.go   that nothing is taken twice
//	        link.go       the subscription      inbox.go    receiving
//
// What a message means is not known here: no HTTP, no JSON-RPC. Redis Cluster is
// not supported: there, the number of receivers that PUBLISH returns, by which
// ErrNobody is known at once, is that of one node.
package relay

import (
	"context"
	"errors"

	"mcp-oauth-server/crypto/artifact"
)

// MaxBody is the size of a message or a broadcast, in bytes: 4 MiB. Redis drops
// a subscriber with 32 MiB unread (client-output-buffer-limit), so much more
// could not be relayed anyway.
const MaxBody = 4 << 20

// MaxRegistrations is how many may wait on one replica.
const MaxRegistrations = 100_000

var (
	// ErrNobody: nobody waits under the id, or not for this owner.
	ErrNobody = errors.New("nobody waits under this id")
	// ErrBusy: the one who waits has no room, or this replica has too much under
	// way. The message did not arrive and may be sent again.
	ErrBusy = errors.New("too many messages are under way; try again")
	// ErrUnavailable: it cannot be told whether the message arrived. Sent again,
	// it may arrive twice.
	ErrUnavailable = errors.New("the relay between replicas is unavailable")
	// ErrTooLarge: the body is larger than MaxBody.
	ErrTooLarge = errors.New("the message is too large to relay")
)

// Owner is on whose behalf something waits and messages are sent.
type Owner struct {
	Subject string
	Client  artifact.Digest
}

// Kind is what is asked of a registration.
type Kind byte

const (
	// KindMessage hands over a message: a request to a stream, an answer to a call.
	KindMessage Kind = iota + 1
	// KindCancel asks that the call be given up. The body says why.
	KindCancel
)

// Message is what a Handler is given. Its body is read-only for everybody, the
// sender included, from the moment it is sent: on one replica it is not copied.
type Message struct {
	Kind Kind
	Body []byte
}

// Handler takes a message. It must not block, as all messages of the replica
// wait meanwhile, and is called by several goroutines at once. Its error is the
// sender's: nil, ErrBusy and ErrNobody as they are, anything else is
// ErrUnavailable there and logged here.
type Handler func(Message) error

// Relay carries messages between replicas, or within one. All methods may be
// called by several goroutines at once.
type Relay interface {
	// Register makes the handler reachable for its owner, until Release. The
	// error is ErrBusy beyond MaxRegistrations, or ErrUnavailable after Close.
	Register(owner Owner, h Handler) (*Registration, error)

	// Deliver hands the message to the registration with the id, wherever it
	// lives, if it belongs to from. nil means that its handler has taken it. The
	// error is one of the above; it comes within a second.
	Deliver(ctx context.Context, id string, from Owner, m Message) error

	// Publish hands the body to the subscribers of the topic on every replica:
	// here before it returns, elsewhere soon. ErrUnavailable says that only those
	// here got it. A replica without connection at the moment misses it.
	Publish(ctx context.Context, topic string, body []byte) error

	// Subscribe has h called for what is published, until cancel. h must not
	// block.
	Subscribe(topic string, h func(body []byte)) (cancel func())

	// Up says whether other replicas can be reached.
	Up() bool

	// Close ends the relay: deliveries under way become ErrUnavailable. If it is
	// not done when ctx is, it goes on by itself.
	Close(ctx context.Context) error
}
