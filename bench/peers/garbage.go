package main

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// siege is how the product treats good requests while half of what comes in is
// garbage.
type siege struct {
	calm, under    []float64 // p99 of good requests in milliseconds, per round
	calmRate, rate []float64 // good requests per second
	before, memory float64   // MB of resident memory, without garbage and after it
	kinds          string
}

// garbageKinds says what is sent in turn; see garbageTokens.
const garbageKinds = "random bytes; three parts; five random parts with the head of a real token; a real token with one character changed; 12,000 characters"

// besiege runs the same load over 2,000 users twice in each round: with good
// requests only, and with a bad one after every good one.
func (l *lab) besiege() (*siege, error) {
	defer l.stopAll()
	t, err := oursCall(l)
	if err != nil {
		return nil, err
	}
	t.path = "/mcp"
	good, err := callRequests(t, callTokens)
	if err != nil {
		return nil, err
	}
	tokens, err := t.prepare(callTokens)
	if err != nil {
		return nil, err
	}
	s := &siege{kinds: garbageKinds}
	if _, _, err := l.besiegeOnce(t, good); err != nil { // warms up
		return nil, err
	}
	memory, err := t.memory()
	if err != nil {
		return nil, err
	}
	s.before = float64(memory) / megabyte
	for round := range l.rounds {
		p99, rate, err := l.besiegeOnce(t, good)
		if err != nil {
			return nil, err
		}
		s.calm, s.calmRate = append(s.calm, p99), append(s.calmRate, rate)
		if p99, rate, err = l.besiegeOnce(t, mix(t, good, tokens, round)); err != nil {
			return nil, err
		}
		s.under, s.rate = append(s.under, p99), append(s.rate, rate)
		l.progress("p99 of good requests %.2f ms, with 50 %% garbage %.2f ms", s.calm[round], p99)
	}
	memory, err = t.memory()
	s.memory = float64(memory) / megabyte
	return s, err
}

func (l *lab) besiegeOnce(t *target, requests []request) (p99, rate float64, err error) {
	got, _, err := l.drive(t.process, window{addr: t.addr, conns: l.conns, time: l.time, requests: requests, expect: "hello"})
	if err != nil {
		return 0, 0, err
	}
	return got.quantile(0.99), float64(len(got.good)) / got.elapsed.Seconds(), nil
}

// mix puts a bad request after every good one. No two bad tokens are the same.
func mix(t *target, good []request, tokens []string, round int) []request {
	var all []request
	for lap := range 4 {
		for i, g := range good {
			bad := garbageToken(tokens[i], lap+round+i)
			all = append(all, g, request{call(t.addr, t.path, bad), 401})
		}
	}
	return all
}

func garbageToken(real string, kind int) string {
	parts := strings.Split(real, ".")
	switch kind % 5 {
	case 0:
		return noise(len(real))
	case 1:
		return noise(40) + "." + noise(300) + "." + noise(86)
	case 2:
		return parts[0] + ".." + noise(16) + "." + noise(len(parts[3])) + "." + noise(22)
	case 3: // authenticated encryption sees it, and only it
		at := len(real) - len(parts[4]) - 10
		changed := byte('A')
		if real[at] == changed {
			changed = 'B'
		}
		return real[:at] + string(changed) + real[at+1:]
	default:
		return noise(12_000)
	}
}

// noise is n random characters of base64url.
func noise(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}
