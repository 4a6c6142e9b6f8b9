package facts

import (
	"context"
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
		p.stopLooking()
		p.mu.Unlock()
	}()
	var sources sync.WaitGroup
	sources.Go(func() { p.bus.watch(ctx, logindName, func() { wake(presenceFacts...) }) })
	if anyWanted(want, idleFacts) && p.root.captured == nil && !p.root.container() {
		sources.Go(func() { p.watchInput(ctx, func() { wake(idleFacts...) }) })
		sources.Go(func() { p.watchTerminals(ctx, func() { wake(idleFacts...) }) })
		sources.Go(func() { p.agents.watch(ctx, func() { wake(presenceFacts...) }) })
		sources.Go(func() { watchClock(ctx, func() { wake(presenceFacts...) }) })
	}
	<-ctx.Done()
	sources.Wait()
}

const oneShot = unix.EPOLLIN | unix.EPOLLONESHOT

// watchInput arms every input device for one event at a time.
func (p *presenceCollector) watchInput(ctx context.Context, wake func()) {
	poll, err := newPoller()
	if err != nil {
		return
	}
	defer p.input.onAdd(func(fd int) { _ = poll.add(fd, oneShot, int32(fd)) })()
	p.input.report(sinceBoot()) // opens what is there
	if notify := dirChanges(inputDir); notify >= 0 {
		_ = poll.add(notify, unix.EPOLLIN, -1)
		defer unix.Close(notify)
		p.runInput(ctx, poll, notify, wake)
	}
}

func (p *presenceCollector) runInput(ctx context.Context, poll *poller, notify int, wake func()) {
	poll.run(ctx, func(e unix.EpollEvent) {
		wake()
		if e.Fd < 0 { // a device came or went
			drain(notify)
			p.input.report(sinceBoot())
			return
		}
		time.AfterFunc(rearm, func() {
			if ctx.Err() == nil {
				p.input.report(sinceBoot()) // empties the queue first
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
func (p *presenceCollector) watchTerminals(ctx context.Context, wake func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return
	}
	arm := func() {
		for _, path := range append(p.ptsNames(), p.consoles()...) {
			_, _ = unix.InotifyAddWatch(fd, path, unix.IN_ACCESS|unix.IN_ONESHOT|unix.IN_MASK_ADD)
		}
	}
	_, _ = unix.InotifyAddWatch(fd, "/dev/pts", unix.IN_CREATE|unix.IN_DELETE)
	arm()
	var timer *time.Timer
	pump(ctx, fd, func(events []byte) {
		if !terminalEvent(events) {
			return // only that a watch ended
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
	})
	if timer != nil {
		timer.Stop()
	}
}

// terminalEvent reports whether a buffer of inotify events holds anything
// besides IN_IGNORED.
func terminalEvent(events []byte) bool { return inotifyMask(events)&^unix.IN_IGNORED != 0 }

func created(events []byte) bool { return inotifyMask(events)&unix.IN_CREATE != 0 }

// watchClock wakes when the clock was set or the machine resumed
// (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
func watchClock(ctx context.Context, wake func()) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return
	}
	far := unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 40}}
	arm := func() error {
		return unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
	}
	if arm() != nil {
		unix.Close(fd)
		return
	}
	pump(ctx, fd, func([]byte) {
		_ = arm()
		wake()
	})
}
