package facts

import "time"

// everySlot has each fact at its own index.
var everySlot = func() (s slots) {
	for f := range declared {
		s = append(s, uint8(f))
	}
	return s
}()

// newBatch is a batch of its own that wants nothing yet.
func newBatch(now instant) *batch {
	n := len(declared)
	return &batch{bits: make([]uint64, n), notes: make([]note, n), fresh: true, want: make([]bool, n), slots: everySlot, now: now}
}

func (b *batch) cell(f fact) cell { return cell{b.bits[f], b.notes[f]} }

// snapshotOfCells is a snapshot of the given facts.
func snapshotOfCells(at time.Time, cells map[fact]cell) Snapshot {
	s := Snapshot{at: at, slots: everySlot, bits: make([]uint64, len(declared)), notes: make([]note, len(declared))}
	for f, c := range cells {
		s.bits[f], s.notes[f] = c.bits, c.note
	}
	return s
}

// knownFromTest is the note of a fact that a test made up.
var knownFromTest = note{origin: &origin{"test", good}, state: cellKnown}
