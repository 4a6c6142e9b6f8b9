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
	offset := time.Duration(now.wall.UnixNano()) - now.boot
	stepped := t.looked && abs(offset-t.offset) > 100*time.Millisecond
	for i, a := range terminals {
		if old := find(t.seen, i, a.name); old == nil || old.at != a.at || hidden(now, a.at, now.boot-t.looks) {
			t.input(t.date(now, a.at, stepped))
		}
	}
	for i, a := range t.seen {
		if find(terminals, i, a.name) == nil {
			t.input(now.boot) // somebody closed it since the last look
		}
	}
	t.seen = append(t.seen[:0], terminals...)
	t.offset, t.looks, t.looked = offset, now.boot, true
}

// find finds a terminal, most likely at index i: the list seldom changes.
func find(list []access, i int, name string) *access {
	if i < len(list) && list[i].name == name {
		return &list[i]
	}
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

// hidden reports whether input since the last look may have left an access
// time as it was, because the clock was set to just where it stood.
func hidden(now instant, atime int64, elapsed time.Duration) bool {
	since := time.Duration(now.wall.UnixNano() - atime)
	return since > -ttyStep && since < elapsed+ttyStep
}

// date puts an access time on the boot clock. One that lies in the future or
// before boot was written under another setting of the clock.
func (t *terminalWatch) date(now instant, atime int64, stepped bool) time.Duration {
	at := now.boot - time.Duration(now.wall.UnixNano()-atime)
	if stepped || at > now.boot || at < -time.Minute {
		return now.boot
	}
	return min(now.boot, max(0, at)+ttyStep)
}

func (t *terminalWatch) input(at time.Duration) { t.last = max(t.last, at) }

func abs(d time.Duration) time.Duration { return max(d, -d) }
