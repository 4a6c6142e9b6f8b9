package facts

import (
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// poller waits for events of descriptors that the runtime's poller cannot
// wait for: exceptional ones, and ones that are armed for a single event.
type poller struct {
	file *os.File
	raw  interface {
		Read(func(uintptr) bool) error
	}
	fd   int
	once sync.Once
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	p.raw, err = p.file.SyscallConn()
	return p, err
}

// add arms fd; the events come with key.
func (p *poller) add(fd int, events uint32, key int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: key})
}

// again arms a one-shot descriptor once more.
func (p *poller) again(fd int, events uint32, key int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: key})
}

// run hands events to handle until ctx ends, and closes the poller. It returns
// why it ended before that.
func (p *poller) run(ctx context.Context, handle func(unix.EpollEvent)) error {
	stop := context.AfterFunc(ctx, p.close)
	defer stop()
	defer p.close()
	var events [16]unix.EpollEvent
	for ctx.Err() == nil {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events[:], 0)
			return n > 0
		})
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			handle(e)
		}
	}
	return ctx.Err()
}

// runOne calls handle each time the poller's only descriptor has an event, until
// ctx ends. It is for descriptors, such as pressure triggers, whose event is
// used up by looking: the runtime's poller looks first. It returns why it ended
// before ctx did.
func (p *poller) runOne(ctx context.Context, handle func()) error {
	stop := context.AfterFunc(ctx, p.close)
	defer stop()
	defer p.close()
	for ctx.Err() == nil {
		waited := false
		err := p.raw.Read(func(fd uintptr) bool {
			var events [1]unix.EpollEvent
			n, _ := unix.EpollWait(int(fd), events[:], 0)
			ready := n > 0 || waited
			waited = true
			return ready
		})
		if err != nil {
			return err
		}
		handle()
	}
	return ctx.Err()
}

// watchExceptional calls up once fd is watched, and handle each time it polls as
// exceptional, until ctx ends. fd stays the caller's.
func watchExceptional(ctx context.Context, fd int, up, handle func()) error {
	poll, err := newPoller()
	if err != nil {
		return err
	}
	defer poll.close()
	if err := poll.add(fd, unix.EPOLLPRI, 0); err != nil {
		return err
	}
	up()
	return poll.runOne(ctx, handle)
}

func (p *poller) close() { p.once.Do(func() { p.file.Close() }) }
