package artifact

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"mcp-oauth-server/crypto/jose"
)

// version is the format of all artifacts. Members may be added within a
// version, as older replicas skip what they do not know; a change of meaning
// needs a new one.
const version = 1

// skew is how far another replica's clock may run ahead of ours, in seconds.
const skew = 60

var (
	// ErrInvalid: not an artifact of this kind from this server's key ring.
	ErrInvalid = errors.New("invalid artifact")
	// ErrExpired: genuine, but its time is over.
	ErrExpired = errors.New("expired artifact")
)

// Lifetimes says how long what is minted lives. Every field must be positive.
type Lifetimes struct {
	Code    time.Duration // authorization code, 60 s by default
	Access  time.Duration // access token, 10 min by default
	Idle    time.Duration // refresh token that is not used, 168 h by default
	Session time.Duration // a whole family of refresh tokens, 720 h by default
}

// LoginTime is how long a person may take over consent and login.
const LoginTime = 10 * time.Minute

// Vault is what sealing and opening need. Only main holds it; the rooms get
// the Sealer and Opener values that it makes.
type Vault struct {
	Ring      *jose.Ring
	Algorithm jose.Algorithm // signature inside access tokens
	Lifetimes Lifetimes
	Now       func() time.Time
	// Issuers are the accepted `iss` of access tokens: one, or in loopback mode
	// the three spellings of the same server.
	Issuers []string
}

// letter is what every artifact tells the vault about itself. The type
// parameter is the artifact's own type.
type letter[T any] interface {
	profile(v *Vault) jose.Profile
	// stamped returns a copy with version and times filled in.
	stamped(v *Vault, now time.Time) T
	// members writes or reads the members, in the order of the fields and by the
	// names of their tags, and returns what was read.
	members(w *wire) T
	// check refuses what is genuine but not acceptable now.
	check(v *Vault, now time.Time) error
}

// Sealer is the right to mint artifacts of one kind.
type Sealer[T letter[T]] struct{ vault *Vault }

// Opener is the right to redeem artifacts of one kind.
type Opener[T letter[T]] struct{ vault *Vault }

// NewSealer grants the right to mint T.
func NewSealer[T letter[T]](v *Vault) Sealer[T] { return Sealer[T]{v} }

// NewOpener grants the right to redeem T.
func NewOpener[T letter[T]](v *Vault) Opener[T] { return Opener[T]{v} }

// Seal mints the artifact: it fills in version, id and times, and returns the
// token. It fails only when the vault is misconfigured or the artifact would be
// longer than its kind allows (ErrTooLong).
func (s Sealer[T]) Seal(a T) (string, error) {
	now := s.vault.Now()
	w := wires.Get().(*wire)
	defer w.release()
	if err := encode(w, a.stamped(s.vault, now)); err != nil {
		return "", fmt.Errorf("encoding an artifact: %w", err)
	}
	p := a.profile(s.vault)
	token, err := s.vault.Ring.Seal(p, w.buf, now)
	if err == nil && len(token) > p.Max {
		return "", ErrTooLong
	}
	return token, err
}

// ErrTooLong: the artifact exceeds the size that URLs, cookies and headers on
// its way can carry.
var ErrTooLong = errors.New("artifact too long")

// Open redeems a token: it must be genuine and of this kind (ErrInvalid), of a
// known version, not from the future and not expired (ErrExpired).
func (o Opener[T]) Open(token string) (T, error) {
	var none T
	now := o.vault.Now()
	w := wires.Get().(*wire)
	defer w.release()
	payload, err := o.vault.Ring.AppendOpen(w.buf[:0], none.profile(o.vault), token, now)
	if err != nil {
		return none, refusal(err)
	}
	w.buf = payload
	a, err := decode[T](w)
	if err != nil {
		return none, ErrInvalid
	}
	if err := a.check(o.vault, now); err != nil {
		return none, err
	}
	return a, nil
}

// The reasons of the ring, each an ErrInvalid too. They are made once: a
// stranger's garbage must not cost us the making of errors.
var (
	errMalformed  = fmt.Errorf("%w: %w", ErrInvalid, jose.ErrMalformed)
	errUnknownKey = fmt.Errorf("%w: %w", ErrInvalid, jose.ErrUnknownKey)
	errForged     = fmt.Errorf("%w: %w", ErrInvalid, jose.ErrForged)
)

func refusal(err error) error {
	switch {
	case errors.Is(err, jose.ErrForged):
		return errForged
	case errors.Is(err, jose.ErrUnknownKey):
		return errUnknownKey
	default:
		return errMalformed
	}
}

// stamp is the part that all artifacts share. Times are Unix seconds.
type stamp struct {
	Version  int   `json:"v"`
	IssuedAt int64 `json:"iat"`
	// Expires is the first second at which the artifact is no longer good.
	// Zero when sealing means the kind's lifetime; an earlier time is kept.
	Expires int64 `json:"exp,omitzero"`
}

func (s *stamp) members(w *wire) {
	w.count("v", &s.Version)
	w.number("iat", &s.IssuedAt)
	w.optionalNumber("exp", &s.Expires)
}

func (s stamp) stampedFor(life time.Duration, now time.Time) stamp {
	s.Version, s.IssuedAt = version, now.Unix()
	if end := now.Add(life).Unix(); s.Expires == 0 || s.Expires > end {
		s.Expires = end
	}
	return s
}

// alive checks version and times. A missing expiry is an expired one.
func (s stamp) alive(now time.Time) error {
	switch {
	case s.Version != version || s.IssuedAt > now.Unix()+skew:
		return ErrInvalid
	case s.Expires <= now.Unix():
		return ErrExpired
	}
	return nil
}

// days is how many midnights a lifetime can cross.
func days(life time.Duration) int { return int(life/(24*time.Hour)) + 1 }

// redacted keeps artifacts out of logs: whatever prints one prints this. An
// artifact inside another struct is safe from fmt only in an exported field, and
// from slog's JSON handler not at all: log the artifact or, better, its id.
//
// It must not have MarshalJSON: the vault encodes artifacts as JSON itself.
type redacted struct{}

const redactedText = "artifact(redacted)"

// String keeps the contents out of whatever asks for text.
func (redacted) String() string { return redactedText }

// Format keeps the contents out of every verb of fmt, %d and %#v among them.
func (redacted) Format(s fmt.State, _ rune) { io.WriteString(s, redactedText) }

// LogValue keeps the contents out of slog's handlers, of which the JSON one
// would ask neither String nor Format.
func (redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }
