package facts

import (
	"time"

	"golang.org/x/sys/unix"
)

// resumeWatch notices sleep by comparing CLOCK_BOOTTIME, which counts it, with
// CLOCK_MONOTONIC, which does not (clock_gettime(2)).
type resumeWatch struct {
	captured bool
	looked   bool
	at       time.Duration                          // boot time of the last look
	slept    time.Duration                          // total at the last look
	woke     time.Duration                          // boot time of the last look that saw more of it; 0 = never
	early    bool                                   // it had slept before the first look
	sleep    func(boot time.Duration) time.Duration // total at that boot time
}

var fromResume = &origin{"suspend clock", good}

// sleepClock adds up the time that the machine has slept since boot.
type sleepClock struct {
	boot  time.Duration // at the last look
	awake time.Time     // then, on the monotonic clock, which reading costs no system call
	total time.Duration
}

// look returns the total at a boot time that was read just now.
func (c *sleepClock) look(boot time.Duration) time.Duration {
	now := time.Now()
	if c.awake.IsZero() {
		var mono unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) == nil {
			c.total = max(0, boot-time.Duration(mono.Nano()))
		}
	} else if slept := boot - c.boot - now.Sub(c.awake); slept > 100*time.Millisecond {
		c.total += slept // less is the time between two readings
	}
	c.boot, c.awake = boot, now
	return c.total
}

// look notices whether the machine slept since the last look. A wake-up is
// dated to the look that sees it: never too early.
func (w *resumeWatch) look(now time.Duration) {
	if w.looked && now == w.at {
		return // the same snapshot
	}
	w.at = now
	slept := w.sleep(now)
	switch {
	case !w.looked:
		w.early = slept > time.Second
	case slept-w.slept > 500*time.Millisecond:
		w.woke = now
	}
	w.looked, w.slept = true, slept
}

func (w *resumeWatch) store(b *batch) {
	if w.captured {
		b.unknown(sinceResume, "a captured machine stands still")
		return
	}
	w.look(b.now.boot)
	switch {
	case w.woke > 0:
		b.seconds(sinceResume, b.now.boot-w.woke, fromResume)
	case w.early:
		b.unknown(sinceResume, "the machine slept before lull was started; when it woke is not known")
	default:
		b.notApplicable(sinceResume, "the machine has not slept since boot")
	}
}
