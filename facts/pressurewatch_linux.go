package facts

import (
	"context"
	"errors"
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

// unsettled is how often pressure is looked at where the kernel takes no
// triggers: the length of its averages.
const unsettled = 10 * time.Second

// watch wakes when pressure grows, and once more when it has settled.
func (p *pressureCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	var triggers sync.WaitGroup
	for i := range p.files() {
		f := &p.found[i]
		if want[f.some] || want[f.full] {
			triggers.Go(func() {
				wake := func() { wake(f.some, f.full) }
				keepWatchingEvery(ctx, unsettled, f.machine.path, nil, wake, func(ctx context.Context, up func()) error { return f.watch(ctx, up, wake) })
			})
		}
	}
	triggers.Wait()
}

func (f *psiFile) watch(ctx context.Context, up, wake func()) error {
	fd, err := f.trigger()
	if notThere(err) || errors.Is(err, unix.EOPNOTSUPP) { // without PSI nothing will ever change
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var calm *time.Timer
	err = watchExceptional(ctx, fd, up, func() {
		wake()
		if calm != nil {
			calm.Stop()
		}
		calm = time.AfterFunc(settle, wake)
	})
	if calm != nil {
		calm.Stop()
	}
	return err
}

// trigger opens a descriptor that polls exceptional under pressure: of the
// users' slice, else of the machine. Its error is the machine's.
func (f *psiFile) trigger() (fd int, err error) {
	for _, path := range []string{f.slicePath, f.machine.path} {
		if fd, err = f.machine.root.open(path, unix.O_RDWR); err != nil {
			continue
		}
		if _, err = unix.Write(fd, []byte(psiTrigger)); err == nil {
			return fd, nil
		}
		unix.Close(fd)
	}
	return -1, err
}
