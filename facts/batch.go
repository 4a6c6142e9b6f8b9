package facts

import (
	"math"
	"slices"
	"time"
)

// batch collects the cells of one snapshot. Collectors fill every wanted fact
// that is theirs, with a value or with the reason why there is none; what they
// leave out becomes unknown.
type batch struct {
	bits   []uint64
	notes  []note // of the snapshot before until one changes, see store
	fresh  bool   // notes are this batch's own
	stored uint64 // what a collector has spoken of, a bit for each slot
	slots  slots
	want   []bool // indexed by fact
	now    instant
	path   string        // the target directory
	before []uint64      // bits of the last snapshot of the same facts; nil: there is none
	asked  *asked        // who is asked; nil: nobody whose word is kept
	calm   bool          // nothing has happened since the last snapshot of the same facts
	moved  bool          // one said something else than in that
	until  time.Duration // boot time at which one must look again anyhow
	again  time.Duration // after so long all is to be asked again, for a rate that needs two looks; 0 = not
}

// instant is one moment on two clocks: the wall, which people set, and the
// time since boot, which counts suspend and never jumps.
type instant struct {
	wall  time.Time
	boot  time.Duration
	awake time.Time // time.Now, for what is timed without a system call
}

// unchanged reports whether what the collector has to say is what it said in
// the last snapshot of the same facts, and keeps that. A version stands for all
// that this depends on; 0 is none. Until the given boot time the collector need
// not be asked again while nothing happens, see steadied.
func (b *batch) unchanged(version uint64, until time.Duration, fs []fact) bool {
	same := b.same(version, until, fs)
	if same {
		b.asked.steady = true
	}
	return same
}

// same is unchanged for a part of what a collector has to say: it is asked for the
// rest.
func (b *batch) same(version uint64, until time.Duration, fs []fact) bool {
	if b.asked == nil {
		return false
	}
	same := version == b.asked.seen && b.before != nil
	b.asked.seen = version
	if b.moved = b.moved || !same; version == 0 || !same {
		return false
	}
	b.asked.kept, b.until = fs, min(b.until, until)
	b.keep(fs)
	return true
}

// keep stores of the wanted ones of fs what the last snapshot said.
func (b *batch) keep(fs []fact) {
	for _, f := range fs {
		if i := b.slots[f]; i != noSlot {
			b.bits[i] = b.before[i]
			b.stored |= 1 << i
		}
	}
}

func (b *batch) wants(f fact) bool { return b.want[f] }

// wantsAny reports whether one of fs is wanted.
func (b *batch) wantsAny(fs ...fact) bool {
	for _, f := range fs {
		if b.want[f] {
			return true
		}
	}
	return false
}

// bool stores a boolean.
func (b *batch) bool(f fact, v bool, o *origin) {
	var bits uint64
	if v {
		bits = 1
	}
	b.known(f, bits, o)
}

// int stores an integer, unknown when it is out of the fact's bounds.
func (b *batch) int(f fact, v int64, o *origin) {
	if b.bounded(f, float64(v), o) {
		b.known(f, uint64(v), o)
	}
}

// seconds stores a duration in whole seconds, rounded down.
func (b *batch) seconds(f fact, v time.Duration, o *origin) { b.int(f, int64(v/time.Second), o) }

// number stores a number, unknown when it is out of the fact's bounds.
func (b *batch) number(f fact, v float64, o *origin) {
	if b.bounded(f, v, o) {
		b.known(f, math.Float64bits(v), o)
	}
}

// text stores a string, unknown when the fact's enumeration does not have it.
func (b *batch) text(f fact, v string, o *origin) {
	if enum := declared[f].Enum; enum != nil && !slices.Contains(enum, v) {
		b.unknown(f, o.source+" says something unexpected")
		return
	}
	b.store(f, 0, note{text: v, origin: o, state: cellKnown})
}

// list stores a list of strings; it keeps v.
func (b *batch) list(f fact, v []string, o *origin) {
	kept := &noStrings
	switch old := b.note(f); {
	case len(v) == 0:
	case old != nil && old.list != nil && slices.Equal(*old.list, v):
		kept = old.list
	default:
		some := v
		kept = &some
	}
	b.store(f, 0, note{list: kept, origin: o, state: cellKnown})
}

var noStrings = []string{}

// remark adds a remark to the value stored last for f.
func (b *batch) remark(f fact, why string) {
	if n := b.note(f); n != nil && declared[f].Type != String {
		remarked := *n
		remarked.text = why
		b.store(f, b.bits[b.slots[f]], remarked)
	}
}

func (b *batch) unknown(f fact, why string) { b.store(f, 0, note{text: why, state: cellUnknown}) }

func (b *batch) notApplicable(f fact, why string) {
	b.store(f, 0, note{text: why, state: cellNotApplicable})
}

// unknownAll gives several facts the same reason.
func (b *batch) unknownAll(why string, fs ...fact) {
	for _, f := range fs {
		b.unknown(f, why)
	}
}

// known stores a number or a truth value if it is wanted.
func (b *batch) known(f fact, bits uint64, o *origin) {
	i := b.slots[f]
	if i == noSlot {
		return
	}
	b.bits[i] = bits
	b.stored |= 1 << i
	if n := &b.notes[i]; n.origin != o || n.state != cellKnown || n.text != "" || n.list != nil {
		b.write(i, note{origin: o, state: cellKnown})
	}
}

// store stores a fact if it is wanted.
func (b *batch) store(f fact, bits uint64, n note) {
	i := b.slots[f]
	if i == noSlot {
		return
	}
	b.bits[i] = bits
	b.stored |= 1 << i
	if b.notes[i] != n {
		b.write(i, n)
	}
}

// write changes a note. Those of the snapshot before are others' too, and copied
// before one of them is changed.
func (b *batch) write(i uint8, n note) {
	if !b.fresh {
		b.notes, b.fresh = slices.Clone(b.notes), true
	}
	b.notes[i] = n
}

// note is what is on record of a fact, of the snapshot before if it was not
// stored yet; nil when it is not wanted.
func (b *batch) note(f fact) *note {
	if i := b.slots[f]; i != noSlot {
		return &b.notes[i]
	}
	return nil
}

// bounded reports whether v may be a value of f, and makes f unknown if not.
func (b *batch) bounded(f fact, v float64, o *origin) bool {
	if l := &limits[f]; v >= l.min && v <= l.max { // never true of what is not a number
		return true
	}
	b.unknown(f, o.source+" gives an impossible value")
	return false
}
