package runner

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheDaemonRestsOnlyWhenNothingIsToComeSoon(t *testing.T) {
	for _, c := range []struct {
		name string
		next time.Duration // from the turn to the next one; 0: none
		want bool
	}{
		{"nothing is planned", 0, true},
		{"the next look is an hour away", time.Hour, true},
		{"the next look is soon", restAfter, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []bool
				r := newResting(func(b bool) { told = append(told, b) })
				defer r.timer.Stop()
				now := time.Now()
				var next time.Time
				if c.next > 0 {
					next = now.Add(c.next)
				}
				r.plan(now, next)
				select {
				case <-r.timer.C:
					r.rest()
					r.wake()
					r.wake()
				case <-time.After(2 * restAfter):
				}
				if got := len(told) == 2 && told[0] && !told[1]; got != c.want || !c.want && len(told) > 0 {
					t.Errorf("told %v, want a rest: %v", told, c.want)
				}
			})
		})
	}
}

func TestWithoutAListenerTheLoopNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResting(nil)
		r.plan(time.Now(), time.Time{})
		select {
		case <-r.timer.C:
			t.Error("the timer fired")
		case <-time.After(time.Hour):
		}
		r.wake()
	})
}
