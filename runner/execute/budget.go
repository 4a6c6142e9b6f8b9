package execute

import "time"

// budget is the running time of an attempt. It stands still while the tree is
// frozen, and, because it reads the monotonic clock, while the machine sleeps.
type budget struct {
	limit  time.Duration
	start  time.Time
	used   time.Duration // up to since
	since  time.Time     // last start or thaw
	frozen time.Duration // up to the last thaw
	still  time.Time     // zero unless frozen now
	timer  *time.Timer
}

func newBudget(limit time.Duration) *budget {
	now := time.Now()
	return &budget{limit: limit, start: now, since: now, timer: time.NewTimer(limit)}
}

// over is the channel that fires when the running time is used up.
func (b *budget) over() <-chan time.Time { return b.timer.C }

func (b *budget) isFrozen() bool { return !b.still.IsZero() }

// freeze stops the clock; again and again changes nothing.
func (b *budget) freeze() {
	if b.isFrozen() {
		return
	}
	b.timer.Stop()
	b.still = time.Now()
	b.used += b.still.Sub(b.since)
}

// thaw lets the clock go on with what is left.
func (b *budget) thaw() {
	if !b.isFrozen() {
		return
	}
	now := time.Now()
	b.frozen += now.Sub(b.still)
	b.still, b.since = time.Time{}, now
	b.timer.Reset(max(b.limit-b.used, 0))
}

// stop ends the clock and says how long it all took.
func (b *budget) stop() (wall, frozen time.Duration) {
	b.thaw()
	b.timer.Stop()
	return time.Since(b.start), b.frozen
}
