package main

import (
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// releaseCode takes the pages of the executable out of the resident set, once,
// when the start is over. The initializers of all packages and the reading of the
// settings touch most of them, 64 KB at a time; what serving needs of them comes
// back by some 200 minor faults of a few microseconds.
//
// It lowers what is counted for each process, by which the kernel also chooses
// whom to kill. It frees nothing by itself: the pages stay in the page cache,
// which the replicas on a host share and the memory limit of a container counts,
// but those that nobody maps go more easily. Failing changes nothing.
func releaseCode(log *slog.Logger) {
	exe, err1 := os.Readlink("/proc/self/exe")
	smaps, err2 := os.ReadFile("/proc/self/smaps")
	err := errors.Join(err1, err2)
	for _, m := range unchanged(string(smaps), exe) {
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		log.Debug("pages that only the start needed stay resident", "event", "start", "error", err)
	}
}

// mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// unchanged finds in the text of smaps where a file is mapped so that each page
// can be had from it again: private, read-only, and without an anonymous page,
// which is what relocation or a breakpoint leaves. (Private_Dirty does not tell:
// it counts pages that the file system has yet to write.)
func unchanged(smaps, file string) (found []mapping) {
	var m mapping // zero: not one of the file
	for line := range strings.Lines(smaps) {
		fields := append(strings.Fields(line), "", "")
		if start, end, header := strings.Cut(fields[0], "-"); header {
			_, path, _ := strings.Cut(strings.TrimSpace(line), "/")
			from, err1 := strconv.ParseUint(start, 16, strconv.IntSize)
			to, err2 := strconv.ParseUint(end, 16, strconv.IntSize)
			m = mapping{}
			if errors.Join(err1, err2) == nil && "/"+path == file && (fields[1] == "r--p" || fields[1] == "r-xp") {
				m = mapping{uintptr(from), uintptr(to)}
			}
		} else if fields[0] == "Anonymous:" && fields[1] == "0" && m.end > 0 {
			found = append(found, m)
		}
	}
	return found
}
