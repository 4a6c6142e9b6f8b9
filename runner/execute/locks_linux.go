package execute

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// blocks tells whether a process of this tree holds a file lock that one outside of
// it waits for: frozen, it would keep the user's own `apt install` waiting.
func (t *linuxTree) blocks() bool {
	if !t.proc {
		return false
	}
	b, err := os.ReadFile("/proc/locks")
	if err != nil || !strings.Contains(string(b), "->") {
		return false
	}
	var inside []int
	for _, p := range t.members() {
		inside = append(inside, p.pid)
	}
	return blocksOthers(string(b), func(pid int) bool { return slices.Contains(inside, pid) })
}

// blocksOthers reads /proc/locks (proc_locks(5)): "1: POSIX ADVISORY WRITE 42 …" is a
// holder, "1: -> POSIX ADVISORY WRITE 43 …" below it one who waits for it. A process
// that our namespace cannot name has the number 0.
func blocksOthers(locks string, inside func(pid int) bool) bool {
	ours := false
	for l := range strings.Lines(locks) {
		f := strings.Fields(l)
		waits := len(f) > 1 && f[1] == "->"
		at := 4
		if waits {
			at = 5
		}
		if len(f) <= at {
			continue
		}
		pid, err := strconv.Atoi(f[at])
		if err != nil {
			continue
		}
		if !waits {
			ours = inside(pid)
		} else if ours && !inside(pid) {
			return true
		}
	}
	return false
}
