package cli

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// worthFreeing is how much must have been allocated since the last rest to
	// look for what can be given back: looking costs dozens of wake-ups.
	worthFreeing = 1 << 20
	// restingLimit bounds what a resting daemon may allocate without its
	// collector, should events that wake nobody add up.
	restingLimit = 48 << 20
)

// memory gives back what a waiting daemon does not need. While it rests the
// collector is off: Go's runtime would otherwise collect every two minutes,
// though nothing was allocated, and wake all its threads for it
// (runtime/proc.go, forcegcperiod).
type memory struct {
	allocated uint64 // at the last rest
}

func (m *memory) rest(resting bool) {
	if !resting {
		debug.SetGCPercent(daemonGC)
		debug.SetMemoryLimit(math.MaxInt64)
		return
	}
	debug.SetMemoryLimit(restingLimit)
	debug.SetGCPercent(-1)
	if now := allocatedBytes(); now-m.allocated > worthFreeing {
		debug.FreeOSMemory()
		dropProgramPages()
		m.allocated = now
	}
}

func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
