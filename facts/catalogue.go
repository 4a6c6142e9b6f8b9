package facts

import (
	"math"
	"slices"
	"strings"
	"time"
)

// fact is the index of a declared fact; cells of a snapshot are indexed by it.
type fact int

// declared holds the description of every fact, indexed by fact.
var declared []Desc

// declare adds d to the catalogue. It is called while the package is set up,
// from the catalogue_*.go files only.
func declare(d Desc) fact {
	if d.Cost == "" {
		d.Cost = costRead
	}
	if declared = append(declared, d); len(declared) > maxSlots {
		panic("more facts than a snapshot has room for")
	}
	limits = append(limits, limitsOf(d))
	return fact(len(declared) - 1)
}

// limits of the numbers that facts may be, indexed by fact: what is looked at for
// every number of every snapshot is kept together.
var limits []struct{ min, max float64 }

func limitsOf(d Desc) (l struct{ min, max float64 }) {
	l.min, l.max = -math.MaxFloat64, math.MaxFloat64
	if d.Min != nil {
		l.min = *d.Min
	}
	if d.Max != nil {
		l.max = *d.Max
	}
	return l
}

// Costs of a fact, see [Desc].
const (
	costRead = "read"
	costBus  = "bus"
	costRare = "rare"
)

// How long a value stays true without its source being asked again.
const (
	momentary = 10 * time.Second // changes all the time
	lasting   = time.Minute      // changes now and then
	forever   = 0                // vouched for by a subscription, or static
)

// Catalogue describes every fact, sorted by ID. The result is the caller's.
func Catalogue() []Desc {
	all := slices.Clone(declared)
	slices.SortFunc(all, func(a, b Desc) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// Describe returns the description of id and whether there is such a fact.
func Describe(id ID) (Desc, bool) {
	f, ok := byID()[id]
	if !ok {
		return Desc{}, false
	}
	return declared[f], true
}

func bound(v float64) *float64 { return &v }

var (
	linuxOnly   = []string{"linux"}
	desktopOSes = []string{"darwin", "linux", "windows"}
	unixes      = []string{"darwin", "freebsd", "linux"}
	everyOS     = []string{"darwin", "freebsd", "linux", "windows"}
)

// ratio, seconds, bytes and count describe the usual numbers.
func ratio(id ID, help string, oses []string) Desc {
	return Desc{ID: id, Type: Number, Unit: "ratio", Help: help, Min: bound(0), Max: bound(1), MaxAge: momentary, Platforms: oses}
}

func seconds(id ID, help string, oses []string) Desc {
	return Desc{ID: id, Type: Integer, Unit: "seconds", Help: help, Min: bound(0), MaxAge: momentary, Platforms: oses}
}

func bytesOf(id ID, help string, oses []string) Desc {
	return Desc{ID: id, Type: Integer, Unit: "bytes", Help: help, Min: bound(0), MaxAge: lasting, Platforms: oses}
}

func count(id ID, help string, oses []string) Desc {
	return Desc{ID: id, Type: Integer, Unit: "count", Help: help, Min: bound(0), MaxAge: lasting, Platforms: oses}
}

func boolean(id ID, help string, oses []string) Desc {
	return Desc{ID: id, Type: Boolean, Help: help, MaxAge: lasting, Platforms: oses}
}

func text(id ID, help string, oses []string, enum ...string) Desc {
	return Desc{ID: id, Type: String, Help: help, Enum: enum, MaxAge: lasting, Platforms: oses}
}

// static marks d as unchangeable before the next boot.
func static(d Desc) Desc {
	d.Static, d.MaxAge = true, forever
	return d
}

// cost sets what d costs to gather.
func cost(c string, d Desc) Desc {
	d.Cost = c
	return d
}
