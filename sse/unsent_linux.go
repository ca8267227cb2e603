package sse

import "syscall"

// tcpNotSentLowat is TCP_NOTSENT_LOWAT of <linux/tcp.h>, which syscall lacks.
const tcpNotSentLowat = 25

// unsentSize is how much the system takes for a peer before it can send it. What
// is on its way does not count, so a peer that reads is not slowed down.
const unsentSize = 128 << 10

// boundUnsent keeps a peer that does not read from filling the memory of the
// system, which takes up to 4 MiB for each (net.ipv4.tcp_wmem): a few hundred of
// them would use up what all connections of the machine share. It also has the
// writer hear of every 64 KiB that a slow peer takes, and not of megabytes. It
// fails only for a socket that is not TCP's, or broken, and then changes nothing.
func boundUnsent(fd uintptr) {
	syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, unsentSize) //nolint:errcheck // see above
}
