package cli

import (
	"runtime/debug"
	"testing"
)

// What an administrator sets in GOMEMLIMIT outlives every rest, and a rest
// leaves room above what is in use, or the collector would never stop.
func TestARestEndsAsItBegan(t *testing.T) {
	const limit = 7 << 30
	percent, before := debug.SetGCPercent(daemonGC), debug.SetMemoryLimit(limit)
	defer debug.SetGCPercent(percent)
	defer debug.SetMemoryLimit(before)
	var m memory
	for range 2 {
		m.rest(true)
		inUse := int64(measured("/memory/classes/total:bytes") - measured("/memory/classes/heap/released:bytes"))
		if got := debug.SetMemoryLimit(-1); got >= limit || got < inUse {
			t.Errorf("resting: the limit is %d with %d in use, want a little room and no more", got, inUse)
		}
		m.rest(false)
		if got := debug.SetMemoryLimit(-1); got != limit {
			t.Errorf("awake: the limit is %d, want the administrator's %d", got, limit)
		}
		if got := debug.SetGCPercent(daemonGC); got != daemonGC {
			t.Errorf("awake: the collector runs at %d percent, want %d", got, daemonGC)
		}
	}
}
