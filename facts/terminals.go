package facts

import "time"

// terminalWatch dates the last input on terminals by the access times of
// their nodes. The kernel moves these in steps of eight seconds (tty_io.c,
// tty_update_time), so that long is taken off. Access times are on the wall
// clock, which may be set: then a terminal's last input stays where it was on
// the boot clock, and what cannot be dated counts as just now.
type terminalWatch struct {
	seen   []access
	offset time.Duration // wall clock minus boot clock at the last look
	looks  time.Duration // boot time of the last look
	last   time.Duration // boot time of the latest input; only grows
	looked bool
}

// access is when a terminal was last read from or written to, by the wall clock.
type access struct {
	name string
	at   int64 // nanoseconds since 1970
}

const ttyStep = 9 * time.Second // and one for steps of the clock too small to notice

// look takes in the access times of the terminals that exist now.
func (t *terminalWatch) look(now instant, terminals []access) {
	l := t.begin(now)
	others := len(t.seen) != len(terminals)
	for i, a := range terminals {
		if i < len(t.seen) && t.seen[i].name == a.name { // most likely: the list seldom changes
			t.take(&l, &t.seen[i], a.at)
			continue
		}
		others = true
		if old := find(t.seen, a.name); old != nil {
			t.take(&l, old, a.at)
		} else {
			t.input(t.date(&l, a.at))
		}
	}
	if others {
		t.replace(now, terminals)
	}
}

// lookAt is look where none has come or gone and only the numbered ones can
// have been used.
func (t *terminalWatch) lookAt(now instant, terminals []access, which []int) {
	l := t.begin(now)
	for _, i := range which {
		t.take(&l, &t.seen[i], terminals[i].at)
	}
}

// terminalLook is one look.
type terminalLook struct {
	boot    time.Duration
	wall    int64         // nanoseconds since 1970
	elapsed time.Duration // since the look before
	stepped bool          // the wall clock was set since then
}

func (t *terminalWatch) begin(now instant) (l terminalLook) {
	l.boot, l.wall, l.elapsed = now.boot, now.wall.UnixNano(), now.boot-t.looks
	offset := time.Duration(l.wall) - now.boot
	l.stepped = t.looked && abs(offset-t.offset) > 100*time.Millisecond
	t.offset, t.looks, t.looked = offset, now.boot, true
	return l
}

// take takes in one terminal's access time.
func (t *terminalWatch) take(l *terminalLook, old *access, at int64) {
	if old.at != at || hidden(l.wall, at, l.elapsed) {
		t.input(t.date(l, at))
		old.at = at
	}
}

// replace takes in terminals that are not those of the last look.
func (t *terminalWatch) replace(now instant, terminals []access) {
	for _, a := range t.seen {
		if find(terminals, a.name) == nil {
			t.input(now.boot) // somebody closed it since the last look
		}
	}
	t.seen = append(t.seen[:0], terminals...)
}

func find(list []access, name string) *access {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

// hidden reports whether input since the last look may have left an access
// time as it was, because the clock was set to just where it stood.
func hidden(wall, atime int64, elapsed time.Duration) bool {
	since := time.Duration(wall - atime)
	return since > -ttyStep && since < elapsed+ttyStep
}

// date puts an access time on the boot clock. One that lies in the future or
// before boot was written under another setting of the clock.
func (t *terminalWatch) date(l *terminalLook, atime int64) time.Duration {
	at := l.boot - time.Duration(l.wall-atime)
	if l.stepped || at > l.boot || at < -time.Minute {
		return l.boot
	}
	return min(l.boot, max(0, at)+ttyStep)
}

func (t *terminalWatch) input(at time.Duration) { t.last = max(t.last, at) }

func abs(d time.Duration) time.Duration { return max(d, -d) }
