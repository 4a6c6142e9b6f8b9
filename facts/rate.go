package facts

import (
	"math"
	"time"
)

// A rate is the average of something between two looks. Looks closer than
// minLook say nothing and are not taken; a baseline older than maxLook would
// hide what happens now behind what happened long ago and is taken anew.
type rate struct {
	baseline, computed time.Duration // boot time; 0 = never
	value              float64
	ok                 bool
}

const (
	minLook = 200 * time.Millisecond
	maxLook = 2 * time.Minute
)

// prime takes a baseline with look if there is none that can be used, and
// returns how long to wait before the next look.
func (r *rate) prime(now time.Duration, look func()) time.Duration {
	age := now - r.baseline
	switch {
	case r.baseline == 0 || age > maxLook || age < 0:
		look()
		r.baseline, r.computed, r.ok = now, 0, false
		return minLook
	case age < minLook && r.computed == 0:
		return minLook - age
	}
	return 0
}

// due reports whether a look now gives a new average.
func (r *rate) due(now time.Duration) bool { return r.baseline != 0 && now-r.baseline >= minLook }

// set keeps a new average; the look it came from is the next baseline.
func (r *rate) set(v float64, ok bool, now time.Duration) {
	r.value, r.ok = v, ok && !math.IsNaN(v)
	r.baseline, r.computed = now, now
}

// store puts the last average into b.
func (r *rate) store(b *batch, f fact, o *origin) {
	if !r.ok {
		b.unknown(f, "no two usable looks at "+o.source+" yet")
		return
	}
	b.number(f, r.value, o)
}
