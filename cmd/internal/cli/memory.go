package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// worthFreeing is how much must have been allocated since the last rest to
	// look for what can be given back: looking costs dozens of wake-ups.
	worthFreeing = 1 << 20
	// restingRoom is what a resting daemon may allocate without its collector,
	// should events that wake nobody add up.
	restingRoom = 32 << 20
)

// memory gives back what a waiting daemon does not need. While it rests the
// collector is off: Go's runtime would otherwise collect every two minutes,
// though nothing was allocated, and wake all its threads for it
// (runtime/proc.go, forcegcperiod).
type memory struct {
	allocated uint64 // at the last rest
	limit     int64  // the administrator's GOMEMLIMIT, in force but for the rest
}

func (m *memory) rest(resting bool) {
	if !resting {
		debug.SetGCPercent(daemonGC)
		debug.SetMemoryLimit(m.limit)
		return
	}
	if now := measured("/gc/heap/allocs:bytes"); now-m.allocated > worthFreeing {
		runtime.GC() // each collection halves stacks that once were deep
		runtime.GC()
		debug.FreeOSMemory()
		dropProgramPages()
		m.allocated = now
	}
	inUse := measured("/memory/classes/total:bytes") - measured("/memory/classes/heap/released:bytes")
	m.limit = debug.SetMemoryLimit(-1)
	// In this order: a collector that is off and has no limit either makes the
	// runtime expect a vast heap, and take huge pages for its records of it
	// (runtime/mgc.go, minHeapForMetadataHugePages).
	debug.SetMemoryLimit(min(m.limit, int64(inUse)+restingRoom))
	debug.SetGCPercent(-1)
}

func measured(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
