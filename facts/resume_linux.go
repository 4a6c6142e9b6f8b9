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
	slept    time.Duration // total at the last look
	woke     time.Duration // boot time of the last look that saw more of it; 0 = never
	early    bool          // it had slept before the first look
	sleep    func() time.Duration
}

var fromResume = &origin{"suspend clock", good}

// totalSleep is the time this machine has slept since boot.
func totalSleep() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}

// look notices whether the machine slept since the last look. A wake-up is
// dated to the look that sees it: never too early.
func (w *resumeWatch) look(now time.Duration) {
	slept := w.sleep()
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
