package facts

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Snapshot is what was known at one instant. It is immutable and safe for
// concurrent use; the zero Snapshot knows nothing.
type Snapshot struct {
	at    time.Time
	bits  []uint64 // the numbers and truth values of the facts
	notes []note   // the rest of them; shared by snapshots for as long as it is the same
	slots slots
	local map[string]Value
}

// slots tells where in a snapshot each fact lies, so that a snapshot holds the
// wanted facts only.
type slots []uint8

const (
	noSlot   = 255 // the fact is not wanted
	maxSlots = 64  // as a batch has a bit for each
)

// cell returns what was stored of f, and whether anything was.
func (s *Snapshot) cell(f fact) (c cell, ok bool) {
	if s.slots == nil { // the zero Snapshot
		return cell{}, false
	}
	if i := s.slots[f]; i != noSlot && s.notes[i].state != cellUnwanted {
		return cell{s.bits[i], s.notes[i]}, true
	}
	return cell{}, false
}

// cell is one fact of a snapshot. Snapshots keep its two parts apart, as the
// first may change at every look, and the second seldom does.
type cell struct {
	bits uint64
	note
}

// note is all of a fact but numbers and truth values. Notes are compared with ==.
type note struct {
	text   string // value of a string, or the remark
	list   *[]string
	origin *origin
	state  cellState
}

type cellState uint8

const (
	cellUnwanted cellState = iota
	cellKnown
	cellUnknown
	cellNotApplicable
)

// origin says who vouches for a value, and how well. Origins are made once.
type origin struct{ source, quality string }

// The qualities of a value.
const (
	good    = "good"
	assumed = "assumed" // true of most such machines, and nobody said otherwise
	poor    = "poor"    // the source is known to be wrong now and then
)

// At is the instant of the snapshot.
func (s Snapshot) At() time.Time { return s.at }

// Get returns the fact, Unknown when it was not wanted or there is none such.
func (s Snapshot) Get(id ID) Value {
	if name, ok := strings.CutPrefix(string(id), string(LocalFacts)+"."); ok {
		return s.localValue(name)
	}
	if f, ok := byID()[id]; ok {
		if c, ok := s.cell(f); ok {
			return c.value(declared[f], s.at)
		}
	}
	return Value{State: Unknown, Why: "not gathered"}
}

// Local lists the administrator's own facts that were gathered, as IDs for Get,
// in order.
func (s Snapshot) Local() []ID {
	ids := make([]ID, 0, len(s.local))
	for _, name := range sortedKeys(s.local) {
		ids = append(ids, LocalFacts+"."+ID(name))
	}
	return ids
}

func (s Snapshot) localValue(name string) Value {
	if v, ok := s.local[name]; ok {
		return v
	}
	return Value{State: Unknown, Why: "no such local fact"}
}

// Facts is input.facts: nested maps that hold only what is known and fresh.
// The maps are the caller's.
func (s Snapshot) Facts() map[string]any {
	out := map[string]any{}
	for f, d := range declared {
		if c, ok := s.cell(fact(f)); ok && c.state == cellKnown {
			put(out, string(d.ID), c.any(d))
		}
	}
	for name, v := range s.local {
		if v.State == Known {
			put(out, string(LocalFacts)+"."+name, v.V)
		}
	}
	return out
}

// Meta is input.meta: for every wanted fact either age_seconds, source and
// quality, or state and why. The maps are the caller's.
func (s Snapshot) Meta() map[string]any {
	out := map[string]any{}
	for f, d := range declared {
		if c, ok := s.cell(fact(f)); ok {
			out[string(d.ID)] = c.value(d, s.at).meta(s.at)
		}
	}
	for name, v := range s.local {
		out[string(LocalFacts)+"."+name] = v.meta(s.at)
	}
	return out
}

// meta is the entry of input.meta about v.
func (v Value) meta(now time.Time) map[string]any {
	if v.State != Known {
		return map[string]any{"state": string(v.State), "why": v.Why}
	}
	m := map[string]any{"age_seconds": int64(max(0, now.Sub(v.At)) / time.Second), "source": v.Source, "quality": v.Quality}
	if v.Why != "" {
		m["why"] = v.Why
	}
	return m
}

// put stores v at the dotted path below node.
func put(node map[string]any, path string, v any) {
	for {
		first, rest, more := strings.Cut(path, ".")
		if !more {
			node[first] = v
			return
		}
		child, ok := node[first].(map[string]any)
		if !ok {
			child = map[string]any{}
			node[first] = child
		}
		node, path = child, rest
	}
}

// value converts c, taken at the given instant.
func (c cell) value(d Desc, at time.Time) Value {
	switch c.state {
	case cellKnown:
		v := Value{V: c.any(d), State: Known, At: at, Source: c.origin.source, Quality: c.origin.quality}
		if d.Type != String {
			v.Why = c.text
		}
		return v
	case cellNotApplicable:
		return Value{State: NotApplicable, At: at, Why: c.text}
	}
	return Value{State: Unknown, At: at, Why: c.text}
}

// any returns the value of a known cell.
func (c cell) any(d Desc) any {
	switch d.Type {
	case Boolean:
		return c.bits != 0
	case Integer:
		return int64(c.bits)
	case Number:
		return math.Float64frombits(c.bits)
	case List:
		return slices.Clone(*c.list)
	}
	return c.text
}
