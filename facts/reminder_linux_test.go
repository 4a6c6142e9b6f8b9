package facts

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What ends without an event is looked at by one timer, which runs only after a
// look that asked for it and only while somebody waits.
func TestOneTimerRunsAndOnlyWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reminder
		looks := make(chan int, 100)
		counted := func(within time.Duration) (n int) {
			time.Sleep(within)
			synctest.Wait()
			for len(looks) > 0 {
				<-looks
				n++
			}
			return n
		}
		r.arm(time.Minute)
		if n := counted(time.Hour); n != 0 || r.timer != nil {
			t.Errorf("nobody waits: %d looks, a timer: %v", n, r.timer != nil)
		}
		ctx, leave := context.WithCancel(t.Context())
		other, leaveToo := context.WithCancel(t.Context())
		go r.watch(ctx, func() { looks <- 1 })
		go r.watch(other, func() { looks <- 2 })
		if n := counted(time.Hour); n != 0 {
			t.Errorf("nothing asked for it: %d looks", n)
		}
		r.arm(time.Minute)
		r.arm(time.Minute)
		r.arm(time.Second)
		if n := counted(time.Hour); n != 2 {
			t.Errorf("asked for three times: %d looks, want one of each of two", n)
		}
		leave()
		synctest.Wait()
		r.arm(time.Minute)
		if n := counted(time.Hour); n != 1 {
			t.Errorf("one of two is left: %d looks, want 1", n)
		}
		r.arm(time.Minute)
		leaveToo()
		if n := counted(time.Hour); n != 0 || r.timer != nil {
			t.Errorf("all have left: %d looks, a timer: %v", n, r.timer != nil)
		}
	})
}
