package facts

import (
	"time"
)

// terminalWatch dates the last input on terminals by the access times of
// their nodes. The kernel moves these in steps of eight seconds (tty_io.c,
// tty_update_time), so that long is taken off. Access times are on the wall
// clock, which may be set: then a terminal's last input stays where it was on
// the boot clock, and what cannot be dated counts as just now.
type terminalWatch struct {
	seen   map[string]time.Time
	offset time.Duration // wall clock minus boot clock at the last look
	looks  time.Duration // boot time of the last look
	last   time.Duration // boot time of the latest input; only grows
	looked bool
}

const ttyStep = 9 * time.Second // and one for steps of the clock too small to notice

// look takes in the access times of the terminals that exist now.
func (t *terminalWatch) look(now instant, atimes map[string]time.Time) {
	offset := time.Duration(now.wall.UnixNano()) - now.boot
	stepped := t.looked && abs(offset-t.offset) > 100*time.Millisecond
	for name, atime := range atimes {
		if old, ok := t.seen[name]; !ok || !old.Equal(atime) {
			t.input(t.date(now, atime, stepped))
		} else if hidden(now, atime, now.boot-t.looks) {
			t.input(t.date(now, atime, stepped))
		}
	}
	for name := range t.seen {
		if _, ok := atimes[name]; !ok {
			t.input(now.boot) // somebody closed it since the last look
		}
	}
	t.seen, t.offset, t.looks, t.looked = atimes, offset, now.boot, true
}

// hidden reports whether input since the last look may have left an access
// time as it was, because the clock was set to just where it stood.
func hidden(now instant, atime time.Time, elapsed time.Duration) bool {
	since := now.wall.Sub(atime)
	return since > -ttyStep && since < elapsed+ttyStep
}

// date puts an access time on the boot clock. One that lies in the future or
// before boot was written under another setting of the clock.
func (t *terminalWatch) date(now instant, atime time.Time, stepped bool) time.Duration {
	at := now.boot - now.wall.Sub(atime)
	if stepped || at > now.boot || at < -time.Minute {
		return now.boot
	}
	return min(now.boot, max(0, at)+ttyStep)
}

func (t *terminalWatch) input(at time.Duration) { t.last = max(t.last, at) }

func abs(d time.Duration) time.Duration { return max(d, -d) }
