package facts

import (
	"slices"
	"strings"
	"time"
)

// ID names a fact, dotted as it appears below input.facts: "presence.idle_seconds".
type ID string

// Type is the JSON shape of a fact's value.
type Type string

// The types a fact may have.
const (
	Boolean Type = "boolean"
	Integer Type = "integer"
	Number  Type = "number"
	String  Type = "string"
	List    Type = "list" // of strings, in sorted order
)

// Desc describes one fact. The JSON Schema, lull facts --describe and the
// documentation are all made from it.
type Desc struct {
	ID        ID            `json:"id"`
	Type      Type          `json:"type"`
	Unit      string        `json:"unit,omitempty"`
	Help      string        `json:"help"`
	Enum      []string      `json:"enum,omitempty"`    // the only strings allowed, alone or in a list
	Min       *float64      `json:"minimum,omitempty"` // a value below is refused and becomes unknown
	Max       *float64      `json:"maximum,omitempty"`
	MaxAge    time.Duration `json:"-"`                   // older values are stale and count as unknown; 0 = never stale
	Static    bool          `json:"static,omitempty"`    // cannot change before the next boot
	Platforms []string      `json:"platforms,omitempty"` // GOOS values that have a source
	Cost      string        `json:"cost"`                // "read" (µs), "bus" (cached from D-Bus), "rare" (ms, on demand only)
}

// State says what is known about a fact.
type State string

// The states of a fact.
const (
	Known         State = "known"
	Unknown       State = "unknown"
	NotApplicable State = "not_applicable" // the machine has no such thing: no battery, no lid
)

// Value is one fact as it was gathered.
type Value struct {
	V       any // bool, int64, float64, string or []string; nil unless State is Known
	State   State
	At      time.Time // when the source last vouched for it
	Source  string    // who said so: "sysfs", "tty+evdev", "logind"
	Quality string    // "good", "assumed" or "poor"
	Why     string    // the reason it is not known, or a remark on a known value
}

// Set is a set of wanted facts; nil wants all of them. A Set must not be
// changed after it was handed to a Gatherer.
type Set map[ID]bool

// Has reports whether id is wanted.
func (s Set) Has(id ID) bool { return s == nil || s[id] }

// IDs lists the wanted facts in order.
func (s Set) IDs() []ID {
	ids := make([]ID, 0, len(s))
	for id, ok := range s {
		if ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Target is the place an action will write to; the storage facts are about
// the volume below it.
type Target struct {
	Path string // a directory; the nearest existing ancestor is used; "" means "/"
}

// Wanted turns the paths that policies read below input, such as
// "facts.presence.idle_seconds" or "facts.storage", into a Set. A path that
// names a subtree, or ends inside one, wants all of it; "facts" wants
// everything, and paths outside facts and meta want nothing. A path into
// facts.local wants LocalFacts.
func Wanted(paths []string) Set {
	want := Set{}
	for _, path := range paths {
		for _, rest := range []string{"facts", "meta"} {
			if tail, ok := below(path, rest); ok {
				wantTree(want, tail)
			}
		}
	}
	return want
}

// LocalFacts in a Set wants the administrator's own facts, all together.
const LocalFacts ID = "local"

// below cuts the first element off path and reports whether it was first.
func below(path, first string) (string, bool) {
	path = strings.TrimPrefix(path, "input.")
	if path == first {
		return "", true
	}
	return strings.CutPrefix(path, first+".")
}

// wantTree adds every fact at, below or above tail.
func wantTree(want Set, tail string) {
	if tail == "" || inside(tail, string(LocalFacts)) {
		want[LocalFacts] = true
	}
	for _, d := range declared {
		if tail == "" || inside(string(d.ID), tail) || inside(tail, string(d.ID)) {
			want[d.ID] = true
		}
	}
}

// inside reports whether path is tree or lies below it.
func inside(path, tree string) bool {
	return path == tree || strings.HasPrefix(path, tree+".")
}
