package execute

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// adoptWithin is how long a supervisor that is about to end may take over it.
const adoptWithin = 15 * time.Second

// adopt asks the lock first: as long as a supervisor lives, only it knows.
func (x *Executor) adopt(id string) (*Process, *Result, AdoptState, error) {
	dir := x.dir(id)
	for end := time.Now().Add(adoptWithin); ; time.Sleep(5 * time.Millisecond) {
		if !isLocked(dir) {
			r, state, err := settle(dir, isVolatile(x.opts.RunDir))
			if state == MayHaveRun {
				x.sweep(id)
			}
			return nil, r, state, err
		}
		if p := x.rejoin(id, dir); p != nil {
			return p, nil, Running, nil
		}
		if time.Now().After(end) {
			return nil, nil, MayHaveRun, errors.New("its supervisor lives but does not answer; end it by hand: " + dir)
		}
	}
}

// rejoin connects to a living supervisor; nil when it is just ending.
func (x *Executor) rejoin(id, dir string) *Process {
	conn, err := dialIn(dir)
	if err != nil {
		return nil
	}
	p := newProcess(id, dir, conn)
	if !p.whenBegun(time.Second) {
		p.abandon()
		return nil
	}
	return p
}

func isLocked(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// waitForLock waits until the supervisor is gone.
func (x *Executor) waitForLock(dir string) {
	for end := time.Now().Add(adoptWithin); isLocked(dir) && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
}

// sweep ends what a supervisor that was itself killed left behind. Its pid
// namespace died with it; its cgroup did not.
func (x *Executor) sweep(id string) {
	base, err := cgroupBase("/proc/self")
	if err != nil {
		return
	}
	c := &cgroup{dir: filepath.Join(base, "lull-"+id)}
	if c.kill() != nil {
		return
	}
	for range 100 {
		if os.Remove(c.dir) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// isVolatile tells whether a directory is lost with the boot, so that the absence
// of something in it proves nothing.
func isVolatile(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return true
	}
	kind := uint32(st.Type)
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
}
