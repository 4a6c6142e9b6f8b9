package facts

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A trigger fires when tasks stalled for 10 % of two seconds. Windows that are
// multiples of two seconds need no privilege (kernel 6.4 and later).
const psiTrigger = "some 200000 2000000\x00"

// settle is how long after the last trigger pressure counts as gone: then its
// ten-second average has fallen.
const settle = 15 * time.Second

// watch wakes when pressure grows, and once more when it has settled. Where
// the kernel takes no triggers, pressure is seen at other looks only.
func (p *pressureCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	var triggers sync.WaitGroup
	for i := range p.files {
		f := &p.files[i]
		if want[f.some] || want[f.full] {
			triggers.Go(func() { f.watch(ctx, wake) })
		}
	}
	triggers.Wait()
}

func (f *psiFile) watch(ctx context.Context, wake func(...fact)) {
	fd := f.trigger()
	poll, err := newPoller()
	if fd < 0 || err != nil {
		return
	}
	defer unix.Close(fd)
	if poll.add(fd, unix.EPOLLPRI, 0) != nil {
		return
	}
	var calm *time.Timer
	poll.runOne(ctx, func() {
		wake(f.some, f.full)
		if calm != nil {
			calm.Stop()
		}
		calm = time.AfterFunc(settle, func() { wake(f.some, f.full) })
	})
	if calm != nil {
		calm.Stop()
	}
}

// trigger opens a descriptor that polls exceptional under pressure; -1 when
// there is none.
func (f *psiFile) trigger() int {
	for _, path := range []string{f.slicePath, f.machine.path} {
		fd, err := f.machine.root.open(path, unix.O_RDWR)
		if err != nil {
			continue
		}
		if _, err := unix.Write(fd, []byte(psiTrigger)); err == nil {
			return fd
		}
		unix.Close(fd)
	}
	return -1
}
