//go:build unix

package relay

import (
	"testing"

	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// BenchmarkHop is one delivery of 512 bytes, receipt included.
func BenchmarkHop(b *testing.B) {
	s := redistest.Start(b)
	key := newKey()
	holder, sender, local := replica(b, config(s, key)), replica(b, config(s, key)), NewLocal(quiet)
	for _, bench := range []struct {
		name         string
		holder, from Relay
	}{{"local", local, local}, {"redis", holder, sender}} {
		reg, err := bench.holder.Register(alice, func(Message) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		m := Message{KindMessage, make([]byte, 512)}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.from.Deliver(b.Context(), reg.ID, alice, m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bench.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := bench.from.Deliver(b.Context(), reg.ID, alice, m); err != nil {
						b.Error(err)
					}
				}
			})
		})
		reg.Release()
	}
}
