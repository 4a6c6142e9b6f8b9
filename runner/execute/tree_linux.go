package execute

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// killWithin bounds how long a tree may take to die of SIGKILL; only processes
// that hang in the kernel take longer.
const killWithin = 10 * time.Second

// freezeWithin bounds one attempt to stop a tree.
const freezeWithin = 2 * time.Second

// linuxTree is every process below this supervisor. Because the supervisor is
// their subreaper, or the init of their pid namespace, none can leave it.
type linuxTree struct {
	main     int
	cg       *cgroup
	init     bool          // we are pid 1 of a namespace of our own
	proc     bool          // /proc shows our namespace
	gone     chan struct{} // closed when no child is left
	baseline int64         // resident peak of the launcher before its execve
	spent    float64       // its processor time, seconds
}

func newTree(o *orders, main int, cg *cgroup) *linuxTree {
	return &linuxTree{main: main, cg: cg, init: o.PIDNS && os.Getpid() == 1, proc: procIsOurs(), gone: make(chan struct{})}
}

// remove gives back what the kernel does not take back by itself.
func (t *linuxTree) remove() { t.cg.remove() }

// everyone signals all processes of the namespace, at once and without a race
// with fork: the kernel holds the list meanwhile. Only ever from pid 1 of our own.
func (t *linuxTree) everyone(sig syscall.Signal) error {
	if !t.init || os.Getpid() != 1 {
		return errors.New("not the init of a namespace")
	}
	err := unix.Kill(-1, sig)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

func (t *linuxTree) members() []process { return below(os.Getpid(), processes()) }

func (t *linuxTree) freeze() error {
	if t.cg != nil {
		return t.cg.freeze(freezeWithin)
	}
	if t.init {
		if err := t.everyone(unix.SIGSTOP); err != nil {
			return err
		}
		if !t.proc {
			return nil
		}
	}
	return t.stopAll()
}

// stopAll stops every member, again and again until two looks find all standing.
func (t *linuxTree) stopAll() error {
	for end, quiet := time.Now().Add(freezeWithin), 0; quiet < 2; {
		moving := 0
		for _, p := range t.members() {
			if !p.still() {
				moving++
				_ = unix.Kill(p.pid, unix.SIGSTOP)
			}
		}
		if moving == 0 {
			quiet++
			continue
		}
		quiet = 0
		if time.Now().After(end) {
			return fmt.Errorf("%d processes did not stop within %s", moving, freezeWithin)
		}
		time.Sleep(200 * time.Microsecond)
	}
	return nil
}

func (t *linuxTree) thaw() error {
	switch {
	case t.cg != nil:
		return t.cg.thaw()
	case t.init:
		return t.everyone(unix.SIGCONT)
	}
	for _, p := range t.members() {
		_ = unix.Kill(p.pid, unix.SIGCONT)
	}
	return nil
}

func (t *linuxTree) ask() { _ = unix.Kill(t.main, unix.SIGTERM) }

// kill repeats itself until the reaper finds no child any more: nothing that the
// tree forks meanwhile survives.
func (t *linuxTree) kill() error {
	late := time.After(killWithin)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		t.killOnce()
		select {
		case <-t.gone:
			return nil
		case <-late:
			return fmt.Errorf("%d processes live on %s after SIGKILL", len(t.members()), killWithin)
		case <-time.After(wait):
		}
	}
}

func (t *linuxTree) killOnce() {
	select {
	case <-t.gone:
		return
	default:
	}
	if t.cg != nil {
		_ = t.cg.kill()
	}
	if t.init {
		_ = t.everyone(unix.SIGKILL)
		return
	}
	_ = unix.Kill(-t.main, unix.SIGKILL)
	_ = t.stopAll()
	for _, p := range t.members() {
		_ = unix.Kill(p.pid, unix.SIGKILL)
	}
}

// throttle changes the running tree: by weights where they are, and else thread by thread.
func (t *linuxTree) throttle(cpu, io Impact) error {
	weights := t.cg.impact(cpu, io) == nil
	if weights {
		return nil
	}
	if !t.proc {
		return errors.New("the priority of a running tree cannot be changed here: its /proc is not visible")
	}
	var failed error
	for _, p := range t.members() {
		for _, id := range threads(p.pid) {
			if err := prioritise(id, cpu, io); err != nil && !errors.Is(err, unix.ESRCH) {
				failed = err
			}
		}
	}
	return failed
}

func (t *linuxTree) resident() int64 {
	if !t.proc {
		return 0
	}
	pages := int64(0)
	for _, p := range t.members() {
		pages += p.rss
	}
	return pages * int64(os.Getpagesize())
}

// usage is what the reaped children took, and better where a controller counted.
func (t *linuxTree) usage(r *Result) {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &ru) == nil {
		r.CPUSeconds = seconds(ru.Utime) + seconds(ru.Stime)
		r.BytesRead, r.BytesWritten = int64(ru.Inblock)*512, int64(ru.Oublock)*512
		if peak := int64(ru.Maxrss) * 1024; peak > t.baseline {
			r.PeakMemoryBytes = peak
		}
	}
	if t.cg != nil {
		t.cg.usage(r)
	}
	r.CPUSeconds = max(0, r.CPUSeconds-t.spent)
}

func seconds(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
