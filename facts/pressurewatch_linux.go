package facts

import (
	"context"
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
	poll, err := newPoller()
	if err != nil {
		return
	}
	for i := range p.files {
		f := &p.files[i]
		fd := f.trigger()
		if fd < 0 || !want[f.some] && !want[f.full] {
			continue
		}
		defer unix.Close(fd)
		_ = poll.add(fd, unix.EPOLLPRI, int32(i))
	}
	var calm [3]*time.Timer
	poll.run(ctx, func(e unix.EpollEvent) {
		f := &p.files[e.Fd]
		wake(f.some, f.full)
		if t := calm[e.Fd]; t != nil {
			t.Stop()
		}
		calm[e.Fd] = time.AfterFunc(settle, func() { wake(f.some, f.full) })
	})
	for _, t := range calm {
		if t != nil {
			t.Stop()
		}
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
