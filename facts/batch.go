package facts

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// batch collects the cells of one snapshot. Collectors fill every wanted fact
// that is theirs, with a value or with the reason why there is none; what they
// leave out becomes unknown.
type batch struct {
	cells []cell
	slots slots
	want  []bool // indexed by fact
	now   instant
	path  string // the target directory
}

// instant is one moment on two clocks: the wall, which people set, and the
// time since boot, which counts suspend and never jumps.
type instant struct {
	wall time.Time
	boot time.Duration
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
	b.store(f, cell{bits: bits, origin: o, state: cellKnown})
}

// int stores an integer, unknown when it is out of the fact's bounds.
func (b *batch) int(f fact, v int64, o *origin) {
	if b.bounded(f, float64(v), o) {
		b.store(f, cell{bits: uint64(v), origin: o, state: cellKnown})
	}
}

// seconds stores a duration in whole seconds, rounded down.
func (b *batch) seconds(f fact, v time.Duration, o *origin) { b.int(f, int64(v/time.Second), o) }

// number stores a number, unknown when it is out of the fact's bounds.
func (b *batch) number(f fact, v float64, o *origin) {
	if b.bounded(f, v, o) {
		b.store(f, cell{bits: math.Float64bits(v), origin: o, state: cellKnown})
	}
}

// text stores a string, unknown when the fact's enumeration does not have it.
func (b *batch) text(f fact, v string, o *origin) {
	if enum := declared[f].Enum; enum != nil && !slices.Contains(enum, v) {
		b.unknown(f, o.source+" says something unexpected")
		return
	}
	b.store(f, cell{text: v, origin: o, state: cellKnown})
}

// list stores a list of strings; it keeps v.
func (b *batch) list(f fact, v []string, o *origin) {
	kept := &noStrings
	if len(v) > 0 {
		some := v
		kept = &some
	}
	b.store(f, cell{list: kept, origin: o, state: cellKnown})
}

var noStrings = []string{}

// remark adds a remark to the value stored last for f.
func (b *batch) remark(f fact, why string) {
	if b.want[f] && declared[f].Type != String {
		b.cell(f).text = why
	}
}

func (b *batch) unknown(f fact, why string) { b.store(f, cell{text: why, state: cellUnknown}) }

func (b *batch) notApplicable(f fact, why string) {
	b.store(f, cell{text: why, state: cellNotApplicable})
}

// unknownAll gives several facts the same reason.
func (b *batch) unknownAll(why string, fs ...fact) {
	for _, f := range fs {
		b.unknown(f, why)
	}
}

func (b *batch) store(f fact, c cell) {
	if b.want[f] {
		*b.cell(f) = c
	}
}

// cell is the place of a wanted fact.
func (b *batch) cell(f fact) *cell {
	i, _ := b.slots.of(f)
	return &b.cells[i]
}

// bounded reports whether v may be a value of f, and makes f unknown if not.
func (b *batch) bounded(f fact, v float64, o *origin) bool {
	d := &declared[f]
	if math.IsNaN(v) || math.IsInf(v, 0) || d.Min != nil && v < *d.Min || d.Max != nil && v > *d.Max {
		b.unknown(f, fmt.Sprintf("%s gives an impossible value", o.source))
		return false
	}
	return true
}
