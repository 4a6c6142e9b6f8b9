package facts

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lockSettle is how long after a lock file was opened its lock is taken, or not.
const lockSettle = 50 * time.Millisecond

// watch wakes when a package manager begins or ends. Nobody is told of a lock
// that is taken or released, but inotify(7) tells of the lock file being opened
// before and closed after; then the locks are asked.
func (p *packagesCollector) watch(ctx context.Context, _ []bool, wake func(...fact)) {
	if p.root.captured != nil {
		<-ctx.Done()
		return
	}
	told := func() { wake(packagesLocked) }
	keepWatching(ctx, "the locks of package managers", nil, told, func(ctx context.Context, up func()) error { return p.watchLocks(ctx, up, told) })
}

func (p *packagesCollector) watchLocks(ctx context.Context, up, wake func()) error {
	w, err := newDirWatch(p.dirs()...)
	if err != nil {
		return err
	}
	own := packagesOf(p.root, p.changes, p.locks, p.mark) // descriptors of its own, as looks may come at any time
	files := map[int32]bool{}
	add := func() {
		for _, path := range p.locks {
			if wd, err := unix.InotifyAddWatch(w.fd, p.root.at(path), unix.IN_OPEN|unix.IN_CLOSE_WRITE); err == nil {
				files[int32(wd)] = true
			}
		}
	}
	var mu sync.Mutex // guards own and what follows
	named := false    // a lock file came or went
	own.find()
	last, _ := own.locked()
	add()
	up()
	var timer *time.Timer
	ask := func() {
		mu.Lock()
		defer mu.Unlock()
		timer = nil
		if named { // not each time, as to open one is an event, too
			named = false
			own.find()
		}
		if now, _ := own.locked(); now != last && ctx.Err() == nil {
			last = now
			wake()
		}
	}
	err = pump(ctx, w.fd, func(events []byte) error {
		ours, err := w.handle(events)
		mu.Lock()
		defer mu.Unlock()
		if ours {
			add()
			named = true
		}
		for wd := range inotifyEvents(events) {
			ours = ours || files[wd]
		}
		if ours && timer == nil {
			timer = time.AfterFunc(lockSettle, ask)
		}
		return err
	})
	mu.Lock()
	defer mu.Unlock()
	if timer != nil {
		timer.Stop()
	}
	own.forget()
	return err
}
