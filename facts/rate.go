package facts

import (
	"math"
	"time"
)

// A rate is the average of something between two looks. Looks closer than
// minLook say nothing and are not taken; a baseline older than maxLook would
// hide what happens now behind what happened long ago and is taken anew.
type rate struct {
	baseline time.Duration // boot time; 0 = never
	averaged bool          // the last look had one before it
	value    float64
	ok       bool
}

const (
	minLook = 200 * time.Millisecond
	maxLook = 2 * time.Minute
)

// due reports whether to look now. While there is no average it has all looked at
// again when there can be one.
func (r *rate) due(b *batch) bool {
	age := b.now.boot - r.baseline
	if r.baseline == 0 || age > maxLook || age < 0 {
		r.baseline = 0
		b.again = minLook
		return true
	}
	if age < minLook && !r.averaged {
		b.again = max(b.again, minLook-age)
	}
	return age >= minLook
}

// set keeps a new average, if there is a baseline; the look it came from is the
// next one.
func (r *rate) set(v float64, ok bool, now time.Duration) {
	r.averaged = r.baseline != 0
	r.value, r.ok = v, ok && r.averaged && !math.IsNaN(v)
	r.baseline = now
}

// store puts the last average into b.
func (r *rate) store(b *batch, f fact, o *origin) {
	if !r.ok {
		b.unknown(f, "no two usable looks at "+o.source+" yet")
		return
	}
	b.number(f, r.value, o)
}
