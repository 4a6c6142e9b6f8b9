package facts

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// changes asks the kernel what has changed, so that what seldom does is looked
// up once and not at every snapshot. Nothing is woken by it: all sources that
// were ever needed are in one epoll(7) set, which is asked once a snapshot for
// what it has gathered (with many sources that costs a third of a poll(2) of
// them), and only what has something to say is read.
type changes struct {
	root    *root
	at      time.Duration // boot time of the snapshot that asked last
	total   uint64        // changes of all sources
	news    atomic.Uint64 // the same of others than the kernel, which count where they happen
	set     int           // the epoll set, while there are sources
	sources []*changeSource
	ready   []unix.EpollEvent // room for all of them
}

// changeSource is one kind of event. A source that cannot be had has changed
// at every look, so that nothing is taken for unchanged for want of it.
type changeSource struct {
	events uint32
	open   func() (fd int, err error)
	heard  func(data []byte) error // takes what was read, nothing when events were lost; nil when polling uses the event up
	state  bool                    // what is read is how things are, not what has happened

	fd     int
	count  uint64        // grows with each change
	opened bool          // is among the sources
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
		c.changed(s)
		return s.count
	}
	c.lookAt(now)
	return s.count
}

// lookAt looks once a snapshot, and returns how much has happened so far.
func (c *changes) lookAt(now time.Duration) uint64 {
	if len(c.sources) > 0 && (c.at != now || now == 0) {
		c.at = now
		c.look()
	}
	return c.total + c.news.Load()
}

func (c *changes) changed(s *changeSource) { s.count, c.total = s.count+1, c.total+1 }

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
	if err := c.watch(fd, s.events); err != nil {
		unix.Close(fd)
		return false
	}
	c.sources, c.ready = append(c.sources, s), append(c.ready, unix.EpollEvent{})
	s.fd, s.opened = fd, true
	if s.state {
		c.drain(s) // makes sure that the next change is told
	}
	c.changed(s)
	return s.opened
}

func (c *changes) watch(fd int, events uint32) (err error) {
	if len(c.sources) == 0 {
		if c.set, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return err
		}
	}
	err = unix.EpollCtl(c.set, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	if err != nil && len(c.sources) == 0 {
		unix.Close(c.set)
	}
	return err
}

func (c *changes) look() {
	n, err := unix.EpollWait(c.set, c.ready, 0)
	if err != nil { // whatever it was may have changed
		for _, s := range c.sources {
			c.changed(s)
		}
		return
	}
	for _, e := range c.ready[:n] {
		if i := slices.IndexFunc(c.sources, func(s *changeSource) bool { return s.fd == int(e.Fd) }); i >= 0 {
			c.drain(c.sources[i])
		}
	}
}

var errShort = errors.New("says nothing")

// drain takes what a source has to say. One that fails is opened anew.
func (c *changes) drain(s *changeSource) {
	c.changed(s)
	if s.heard == nil {
		return
	}
	var buf [16 << 10]byte
	if s.state {
		n, err := unix.Pread(s.fd, buf[:], 0)
		if err == nil && n == 0 {
			err = errShort
		}
		if err != nil || s.heard(buf[:n]) != nil {
			c.drop(s)
		}
		return
	}
	for {
		n, err := unix.Read(s.fd, buf[:])
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
	unix.Close(s.fd) // which takes it out of the set
	c.sources, c.ready = slices.Delete(c.sources, i, i+1), c.ready[1:]
	if len(c.sources) == 0 {
		unix.Close(c.set)
	}
	s.opened, s.tried = false, 0
	c.changed(s)
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
	times uint64        // how often it was looked up
}

// due reports whether to look again, and takes note of it: when a source has
// changed, and once in lookAgain anyhow.
func (l *lookup) due(now time.Duration, count uint64) bool {
	if l.holds(now, count) {
		return false
	}
	l.at, l.count = max(1, now), count
	l.times++
	return true
}

// until is when to look again though nothing has changed.
func (l *lookup) until() time.Duration { return l.at + lookAgain }

// holds reports whether what was looked up is still to be believed.
func (l *lookup) holds(now time.Duration, count uint64) bool {
	return l.at > 0 && l.count == count && now-l.at < lookAgain
}

// mountSource changes with the mount table (proc(5): the file polls as
// exceptional after a change).
func mountSource(r *root) *changeSource {
	return &changeSource{events: unix.EPOLLPRI, open: func() (int, error) { return r.open("/proc/self/mountinfo", unix.O_RDONLY) }}
}

// routeSource changes with links, addresses and routes.
func routeSource() *changeSource {
	return &changeSource{events: unix.EPOLLIN, open: openRoutes, heard: func([]byte) error { return nil }}
}

// uevents tells of devices that come, go or change, by subsystem.
type uevents struct {
	changes *changes
	source  *changeSource
	kinds   map[string]*subsystem
	lost    uint64 // times at which any may have changed
}

// subsystem is one kind of device.
type subsystem struct {
	of    *uevents
	count uint64 // events
}

func newUevents(c *changes) *uevents {
	u := &uevents{changes: c, kinds: map[string]*subsystem{}}
	u.source = &changeSource{events: unix.EPOLLIN, open: openUevents, heard: u.heard}
	return u
}

// subsystem is the kernel's subsystem of that name.
func (u *uevents) subsystem(name string) *subsystem {
	if u.kinds[name] == nil {
		u.kinds[name] = &subsystem{of: u}
	}
	return u.kinds[name]
}

// since returns how often devices of the subsystem have changed so far.
func (s *subsystem) since(now time.Duration) uint64 {
	u := s.of
	if u.changes.since(u.source, now); !u.source.opened && u.changes.root.captured == nil {
		u.lost++
	}
	return s.count + u.lost
}

func (u *uevents) heard(msg []byte) error {
	if len(msg) == 0 {
		u.lost++
		return nil
	}
	if s := u.kinds[ueventSubsystem(msg)]; s != nil {
		s.count++
	}
	return nil
}

// dirSource changes with the entries of directories, which need not exist yet.
func dirSource(dirs ...string) *changeSource {
	var w *dirWatch
	return &changeSource{events: unix.EPOLLIN, open: func() (fd int, err error) {
		if w, err = newDirWatch(dirs...); err != nil {
			return -1, err
		}
		return w.fd, nil
	}, heard: func(data []byte) error {
		_, err := w.handle(data)
		return err
	}}
}
