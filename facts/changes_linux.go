package facts

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// changes asks the kernel what has changed, so that what seldom does is looked
// up once and not at every snapshot. Nothing is woken by it: all sources that
// were ever needed are asked with one poll(2) a snapshot, and only what has
// something to say is read.
type changes struct {
	root    *root
	at      time.Duration // boot time of the snapshot that asked last
	polled  []unix.PollFd
	sources []*changeSource // as polled
}

// changeSource is one kind of event. A source that cannot be had has changed
// at every look, so that nothing is taken for unchanged for want of it.
type changeSource struct {
	events int16
	open   func() (fd int, err error)
	heard  func(data []byte) error // takes what was read, nothing when events were lost; nil when polling uses the event up

	count  uint64        // grows with each change
	opened bool          // is among the polled
	tried  time.Duration // boot time of the last attempt to open
}

// lookAgain is how long anything is believed for want of an event: an event
// that the kernel never sent costs no more than this.
const lookAgain = time.Minute

// since returns how often the source has changed so far.
func (c *changes) since(s *changeSource, now time.Duration) uint64 {
	if c.root.captured != nil {
		return 0 // stands still
	}
	if !s.opened && !c.add(s, now) {
		s.count++
		return s.count
	}
	if c.at != now || now == 0 {
		c.at = now
		c.poll()
	}
	return s.count
}

// add opens a source, at most once in lookAgain.
func (c *changes) add(s *changeSource, now time.Duration) bool {
	if s.tried > 0 && now-s.tried < lookAgain {
		return false
	}
	s.tried = now
	fd, err := s.open()
	if err != nil {
		return false
	}
	c.polled = append(c.polled, unix.PollFd{Fd: int32(fd), Events: s.events})
	c.sources = append(c.sources, s)
	s.opened = true
	s.count++
	return true
}

func (c *changes) poll() {
	n, err := unix.Poll(c.polled, 0)
	if err != nil { // interrupted: whatever it was may have changed
		for _, s := range c.sources {
			s.count++
		}
		return
	}
	for i := 0; n > 0 && i < len(c.polled); i++ {
		if c.polled[i].Revents != 0 {
			c.drain(i)
		}
	}
}

// drain takes what a source has to say. One that fails is opened anew.
func (c *changes) drain(i int) {
	s, fd := c.sources[i], int(c.polled[i].Fd)
	s.count++
	if s.heard == nil {
		return
	}
	var buf [16 << 10]byte
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return
		case err == unix.ENOBUFS:
			n, err = 0, nil // events were lost
		case err != nil || n <= 0:
			c.drop(s)
			return
		}
		if err == nil && s.heard(buf[:n]) != nil {
			c.drop(s)
			return
		}
	}
}

// drop closes a source; it is opened again when it is next needed.
func (c *changes) drop(s *changeSource) {
	i := slices.Index(c.sources, s)
	if i < 0 {
		return
	}
	unix.Close(int(c.polled[i].Fd))
	c.polled, c.sources = slices.Delete(c.polled, i, i+1), slices.Delete(c.sources, i, i+1)
	s.opened, s.tried = false, 0
	s.count++
}

func (c *changes) close() {
	for len(c.sources) > 0 {
		c.drop(c.sources[0])
	}
}

// lookup says when something that was looked up must be looked up again.
type lookup struct {
	at    time.Duration // boot time of the last time; 0 = never
	count uint64        // of its sources then
}

// due reports whether to look again, and takes note of it: when a source has
// changed, and once in lookAgain anyhow.
func (l *lookup) due(now time.Duration, count uint64) bool {
	if l.at > 0 && l.count == count && now-l.at < lookAgain {
		return false
	}
	l.at, l.count = max(1, now), count
	return true
}

// mountSource changes with the mount table (proc(5): the file polls as
// exceptional after a change).
func mountSource(r *root) *changeSource {
	return &changeSource{events: unix.POLLPRI, open: func() (int, error) { return r.open("/proc/self/mountinfo", unix.O_RDONLY) }}
}

// routeSource changes with links, addresses and routes.
func routeSource() *changeSource {
	return &changeSource{events: unix.POLLIN, open: openRoutes, heard: func([]byte) error { return nil }}
}

// uevents tells of devices that come, go or change, by subsystem.
type uevents struct {
	changes *changes
	source  *changeSource
	kinds   map[string]uint64 // events of each subsystem
	lost    uint64            // times at which any may have changed
}

func newUevents(c *changes) *uevents {
	u := &uevents{changes: c, kinds: map[string]uint64{}}
	u.source = &changeSource{events: unix.POLLIN, open: openUevents, heard: u.heard}
	return u
}

// since returns how often devices of a subsystem have changed so far.
func (u *uevents) since(subsystem string, now time.Duration) uint64 {
	if u.changes.since(u.source, now); !u.source.opened && u.changes.root.captured == nil {
		u.lost++
	}
	return u.kinds[subsystem] + u.lost
}

func (u *uevents) heard(msg []byte) error {
	if len(msg) == 0 {
		u.lost++
		return nil
	}
	if kind := ueventSubsystem(msg); kind != "" {
		u.kinds[kind]++
	}
	return nil
}

// dirSource changes with the entries of directories, which need not exist yet.
func dirSource(dirs ...string) *changeSource {
	var w *dirWatch
	return &changeSource{events: unix.POLLIN, open: func() (fd int, err error) {
		if w, err = newDirWatch(dirs...); err != nil {
			return -1, err
		}
		return w.fd, nil
	}, heard: func(data []byte) error {
		_, err := w.handle(data)
		return err
	}}
}
