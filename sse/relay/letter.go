package relay

import (
	"encoding/binary"
	"errors"
	"math"

	"mcp-oauth-server/crypto/artifact"
)

// purpose is what a letter is for.
type purpose byte

const (
	delivery  purpose = iota + 1 // to a registration
	receipt                      // of a delivery
	broadcast                    // to the subscribers of a topic
)

// letter is what goes over the wire, sealed. All purposes have one layout, and
// leave empty what they do not need:
//
//	purpose 1 | from 16 | number 8 | sent 8 | to 16 | kind 1 | about 8 | outcome 1
//	subject, client, topic: each length 2, bytes | body: the rest
//
// Numbers are big-endian.
type letter struct {
	purpose purpose
	from    name   // the sending replica
	number  uint64 // counts the letters of the sender, from 1
	sent    int64  // Unix time in milliseconds

	to    name // delivery: the registration
	owner Owner
	kind  Kind

	about   uint64 // receipt: number of the delivery
	outcome outcome

	topic string // broadcast
	body  []byte // delivery and broadcast
}

// headSize is the length of a letter's fixed part.
const headSize = 1 + 16 + 8 + 8 + 16 + 1 + 8 + 1

var errMalformed = errors.New("malformed letter")

// size is how many bytes appendLetter appends.
func (l letter) size() int {
	return headSize + 6 + len(l.owner.Subject) + len(l.owner.Client) + len(l.topic) + len(l.body)
}

// appendLetter writes the letter. The error is ErrTooLarge.
func appendLetter(b []byte, l letter) ([]byte, error) {
	if len(l.body) > MaxBody {
		return nil, ErrTooLarge
	}
	b = append(b, byte(l.purpose))
	b = append(b, l.from[:]...)
	b = binary.BigEndian.AppendUint64(b, l.number)
	b = binary.BigEndian.AppendUint64(b, uint64(l.sent))
	b = append(b, l.to[:]...)
	b = append(b, byte(l.kind))
	b = binary.BigEndian.AppendUint64(b, l.about)
	b = append(b, byte(l.outcome))
	for _, text := range []string{l.owner.Subject, string(l.owner.Client), l.topic} {
		if len(text) > math.MaxUint16 {
			return nil, ErrTooLarge
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
		b = append(b, text...)
	}
	return append(b, l.body...), nil
}

// parseLetter reads what appendLetter wrote. The body is part of b.
func parseLetter(b []byte) (letter, error) {
	if len(b) < headSize {
		return letter{}, errMalformed
	}
	l := letter{
		purpose: purpose(b[0]),
		from:    name(b[1:17]),
		number:  binary.BigEndian.Uint64(b[17:25]),
		sent:    int64(binary.BigEndian.Uint64(b[25:33])),
		to:      name(b[33:49]),
		kind:    Kind(b[49]),
		about:   binary.BigEndian.Uint64(b[50:58]),
		outcome: outcome(b[58]),
	}
	var texts [3]string
	b = b[headSize:]
	for i := range texts {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return letter{}, errMalformed
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		texts[i], b = string(b[2:n]), b[n:]
	}
	l.owner = Owner{Subject: texts[0], Client: artifact.Digest(texts[1])}
	l.topic, l.body = texts[2], b
	if l.purpose < delivery || l.purpose > broadcast || l.number == 0 || len(l.body) > MaxBody {
		return letter{}, errMalformed
	}
	return l, nil
}

// outcome is what became of a delivery, in a receipt.
type outcome byte

const (
	taken outcome = iota + 1
	nobody
	busy
	fault
)

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return taken
	case errors.Is(err, ErrNobody):
		return nobody
	case errors.Is(err, ErrBusy):
		return busy
	}
	return fault
}

// err is the error that a delivery returns. What is not known is no success.
func (o outcome) err() error {
	switch o { //nolint:exhaustive // a fault is what the default says
	case taken:
		return nil
	case nobody:
		return ErrNobody
	case busy:
		return ErrBusy
	}
	return ErrUnavailable
}
