package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestReleaseCode(t *testing.T) {
	before := readCode(t) // makes all of it resident
	full := residentFile(t)
	var logged bytes.Buffer
	releaseCode(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if rest := residentFile(t); rest > full/2 || logged.Len() > 0 {
		t.Errorf("%d kB of file pages of %d are resident; log: %s", rest, full, logged.String())
	}
	if readCode(t) != before {
		t.Error("the code has changed")
	}
}

// Code runs, is collected around and writes stack traces while its pages go.
func TestReleaseCodeWhileItRuns(t *testing.T) {
	stop := make(chan struct{})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if s := traceOfPanic(); !strings.Contains(s, "traceOfPanic") {
						t.Errorf("a stack trace without the function that panics: %s", s)
						return
					}
					runtime.GC()
				}
			}
		})
	}
	for range 50 {
		releaseCode(slog.New(slog.DiscardHandler))
	}
	close(stop)
	work.Wait()
}

func traceOfPanic() (trace string) {
	defer func() { recover(); trace = string(debug.Stack()) }() //nolint:errcheck // it is ours
	panic("wanted")
}

func TestUnchangedMappings(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 1                  /opt/a server
Private_Dirty:       900 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00500000-00600000 r--p 00100000 fe:00 1                  /opt/a server
Anonymous:             4 kB
00600000-00700000 r--p 00200000 fe:00 1                  /opt/a server
Anonymous:             0 kB
00700000-00800000 rw-p 00300000 fe:00 1                  /opt/a server
Anonymous:             0 kB
00800000-00900000 r--s 00300000 fe:00 1                  /opt/a server
Anonymous:             0 kB
00900000-00a00000 r-xp 00000000 fe:00 2                  /opt/lib/opt/a server
Anonymous:             0 kB
00a00000-00b00000 rw-p 00000000 00:00 0
Anonymous:             0 kB
00b00000-00c00000 r-xp 00000000 00:00 0                  [vdso]
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x500000}, {0x600000, 0x700000}}
	if got := unchanged(smaps, "/opt/a server"); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for _, broken := range []string{"", "\n", "-", "- r-xp /x\nAnonymous: 0\n", "zz-1 r-xp /x\nAnonymous: 0\n"} {
		if got := unchanged(broken, "/x"); len(got) > 0 {
			t.Errorf("%q: %x", broken, got)
		}
	}
}

// readCode is the digest of what releaseCode releases.
func readCode(t *testing.T) (digest [sha256.Size]byte) {
	t.Helper()
	smaps, err1 := os.ReadFile("/proc/self/smaps")
	exe, err2 := os.Readlink("/proc/self/exe")
	memory, err3 := os.Open("/proc/self/mem")
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	defer memory.Close() //nolint:errcheck // only read
	mappings, hash := unchanged(string(smaps), exe), sha256.New()
	if len(mappings) == 0 {
		t.Fatalf("nothing to release:\n%s", smaps)
	}
	for _, m := range mappings {
		if _, err := io.Copy(hash, io.NewSectionReader(memory, int64(m.start), int64(m.end-m.start))); err != nil {
			t.Fatal(err)
		}
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

func residentFile(t *testing.T) (kB int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}
