package runner

import "time"

// restAfter is how long nothing may have happened before the daemon rests. A
// burst of events is over by then, and a person who waits for an answer has it.
const restAfter = 10 * time.Second

// resting tells Options.Rest when the loop falls asleep for long and when it
// goes on. The zero value never rests.
type resting struct {
	tell  func(resting bool)
	timer *time.Timer
	now   bool
}

func newResting(tell func(bool)) *resting {
	r := &resting{tell: tell, timer: time.NewTimer(restAfter)}
	if tell == nil {
		r.timer.Stop()
	}
	return r
}

// wake is called before each turn.
func (r *resting) wake() {
	if r.now {
		r.now = false
		r.tell(false)
	}
}

// plan is called after each turn with the next instant at which the loop wakes
// by itself, zero for none. It is not worth resting for less than restAfter.
func (r *resting) plan(now, next time.Time) {
	if r.tell == nil {
		return
	}
	r.timer.Stop()
	if next.IsZero() || next.Sub(now) > 2*restAfter {
		r.timer.Reset(restAfter)
	}
}

// rest is called when the timer fires.
func (r *resting) rest() {
	r.now = true
	r.tell(true)
}
