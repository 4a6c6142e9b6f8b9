package facts

import "time"

// resumeWatch notices sleep by comparing a clock that counts it with one that
// does not.
type resumeWatch struct {
	captured bool
	looked   bool
	at       time.Duration                   // boot time of the last look
	slept    time.Duration                   // total at the last look
	woke     time.Duration                   // boot time of the last look that saw more of it; 0 = never
	early    bool                            // it had slept before the first look
	sleep    func(now instant) time.Duration // total at that instant
}

var fromResume = &origin{"suspend clock", good}

// look notices whether the machine slept since the last look. A wake-up is
// dated to the look that sees it: never too early.
func (w *resumeWatch) look(now instant) {
	if w.looked && now.boot == w.at {
		return // the same snapshot
	}
	w.at = now.boot
	slept := w.sleep(now)
	switch {
	case !w.looked:
		w.early = slept > time.Second
	case slept-w.slept > 500*time.Millisecond:
		w.woke = now.boot
	}
	w.looked, w.slept = true, slept
}

func (w *resumeWatch) store(b *batch) {
	if w.captured {
		b.unknown(sinceResume, "a captured machine stands still")
		return
	}
	w.look(b.now)
	switch {
	case w.woke > 0:
		b.seconds(sinceResume, b.now.boot-w.woke, fromResume)
	case w.early:
		b.unknown(sinceResume, "the machine slept before lull was started; when it woke is not known")
	default:
		b.notApplicable(sinceResume, "the machine has not slept since boot")
	}
}
