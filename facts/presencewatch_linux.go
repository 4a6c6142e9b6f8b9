package facts

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// rearm is how long a device that fired stays unwatched: together with the
// timer, a busy mouse wakes lull twice in this time.
const rearm = time.Minute

// watch wakes when somebody comes back: at once for input devices, terminals
// and agents, on signals for sessions.
func (p *presenceCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	p.mu.Lock()
	p.wakers[&wake] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.wakers, &wake)
		p.mu.Unlock()
	}()
	var sources sync.WaitGroup
	sources.Go(func() { p.bus.watch(ctx, logindName, func() { wake(presenceFacts...) }) })
	sources.Go(func() { p.holds.watch(ctx, func() { wake(agentHeldSeconds, agentBusySeconds) }) })
	if want[busy] || want[busySeconds] || want[agentBusySeconds] {
		sources.Go(func() { p.reasonsEnd.watch(ctx, func() { wake(busy, busySeconds) }) })
	}
	if anyWanted(want, idleFacts) && p.root.captured == nil && !p.root.container() {
		idle := func() { wake(idleFacts...) }
		sources.Go(func() {
			keepWatching(ctx, inputDir, &p.troubles, idle, func(ctx context.Context, up func()) error { return p.watchInput(ctx, up, idle) })
		})
		sources.Go(func() {
			keepWatching(ctx, "the terminals", &p.troubles, idle, func(ctx context.Context, up func()) error { return p.watchTerminals(ctx, up, idle) })
		})
		sources.Go(func() { p.agents.watch(ctx, func() { wake(presenceFacts...) }) })
		sources.Go(func() { watchClock(ctx, func() { wake(presenceFacts...) }) })
	}
	<-ctx.Done()
	sources.Wait()
}

const oneShot = unix.EPOLLIN | unix.EPOLLONESHOT

// watchInput arms every input device for one event at a time. A device that
// cannot be watched ends it.
func (p *presenceCollector) watchInput(ctx context.Context, up, wake func()) error {
	poll, err := newPoller()
	if err != nil {
		return err
	}
	defer poll.close()
	changes, err := newDirWatch(p.root.at(inputDir))
	if err != nil {
		return err
	}
	defer changes.close()
	if err := poll.add(changes.fd, unix.EPOLLIN, -1); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer p.input.onAdd(func(fd int) {
		if err := poll.add(fd, oneShot, int32(fd)); err != nil {
			fail(err)
		}
	})()
	p.input.drain(sinceBoot(), true) // opens what is there
	if ctx.Err() == nil {
		up()
	}
	if err := p.runInput(ctx, poll, changes, wake); context.Cause(ctx) == nil {
		return err
	}
	return context.Cause(ctx)
}

func (p *presenceCollector) runInput(ctx context.Context, poll *poller, changes *dirWatch, wake func()) error {
	return poll.run(ctx, func(e unix.EpollEvent) {
		if e.Fd < 0 && !changes.changed() {
			return
		}
		wake()
		if e.Fd < 0 { // a device came or went
			p.input.drain(sinceBoot(), true)
			return
		}
		time.AfterFunc(rearm, func() {
			if ctx.Err() == nil {
				p.input.drain(sinceBoot(), false) // empties the queue first
				_ = poll.again(int(e.Fd), oneShot, e.Fd)
			}
		})
	})
}

// onAdd calls f for every device that is open now or opened later, until stop.
func (w *inputWatch) onAdd(f func(fd int)) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.added[&f] = true
	for _, fd := range w.devices {
		f(fd)
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.added, &f)
	}
}

// watchTerminals is told by inotify when a program reads what somebody typed
// at a terminal, and when terminals open and close. Every terminal is armed for
// one event at a time.
func (p *presenceCollector) watchTerminals(ctx context.Context, up, wake func()) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	add := func(path string, events uint32) {
		if _, err := unix.InotifyAddWatch(fd, p.root.at(path), events); err != nil && full(err) {
			fail(err)
		}
	}
	arm := func() {
		pts, err := p.ptsNames()
		if err != nil {
			fail(err)
		}
		for _, path := range append(pts, p.consoles()...) {
			add(path, unix.IN_ACCESS|unix.IN_ONESHOT|unix.IN_MASK_ADD)
		}
	}
	add("/dev/pts", unix.IN_CREATE|unix.IN_DELETE)
	arm()
	if ctx.Err() == nil {
		up()
	}
	var timer *time.Timer
	err = pump(ctx, fd, func(events []byte) error {
		if !terminalEvent(events) {
			return nil // only that a watch ended
		}
		wake()
		if timer != nil {
			timer.Stop()
		}
		pause := rearm
		if created(events) {
			pause = 0
		}
		timer = time.AfterFunc(pause, func() {
			if ctx.Err() == nil {
				arm()
			}
		})
		return nil
	})
	if timer != nil {
		timer.Stop()
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// full tells a watch that the kernel has no room for from a terminal that went
// away or may not be read by lull.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.ENOMEM) }

// terminalEvent reports whether a buffer of inotify events holds anything
// besides IN_IGNORED.
func terminalEvent(events []byte) bool { return inotifyMask(events)&^unix.IN_IGNORED != 0 }

func created(events []byte) bool { return inotifyMask(events)&unix.IN_CREATE != 0 }

// watchClock wakes when the clock was set or the machine resumed
// (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
func watchClock(ctx context.Context, wake func()) {
	keepWatching(ctx, "the clock", nil, wake, func(ctx context.Context, up func()) error {
		fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
		if err != nil {
			return err
		}
		far := unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 40}}
		arm := func() error {
			return unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
		}
		if err := arm(); err != nil {
			unix.Close(fd)
			return err
		}
		up()
		return pump(ctx, fd, func([]byte) error {
			wake()
			return arm()
		})
	})
}
