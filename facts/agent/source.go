package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// source is one way to learn the session's idle time.
type source interface {
	name() string
	// idle is never longer than the true time since the last input it sees.
	idle(ctx context.Context) (time.Duration, error)
	// partial reports whether some input of a Wayland session escapes it.
	partial() bool
	// lost is closed when the source has ended.
	lost() <-chan struct{}
	close()
}

// busier is a source that also knows reasons not to disturb its user.
type busier interface {
	busy(ctx context.Context) (reasons []string, err error)
}

// opener opens a source, which calls announce when the user comes back after
// having been away. It gives up when ctx ends.
type opener func(ctx context.Context, o *Options, announce func()) (source, error)

var (
	errAbsent  = errors.New("this session has no such source") // and is not expected to
	errOpening = errors.New("still connecting")
)

// keeper keeps one source open: one that is lost makes the session unknown
// until it is there again.
type keeper struct {
	open opener

	mu     sync.Mutex
	src    source
	err    error  // why there is no source
	nurse  func() // has one that does not answer asked again; nil before run and after
	nursed bool
	nurses sync.WaitGroup
}

// openWithin is how long opening a source may take; a stale socket may accept
// a connection and never answer.
const openWithin = 5 * time.Second

func (k *keeper) run(ctx context.Context, o *Options, announce func()) {
	k.setNurse(func() { k.askAgain(ctx, o.Deadline, announce) })
	defer k.nurses.Wait()
	defer k.setNurse(nil)
	told := ""
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		openCtx, cancel := context.WithTimeout(ctx, openWithin)
		src, err := k.open(openCtx, o, announce)
		cancel()
		k.set(src, err)
		announce()
		if errors.Is(err, errAbsent) {
			return
		}
		if err != nil && err.Error() != told {
			told = err.Error()
			o.Logger.Info("a source does not answer, trying again", "error", err)
		}
		if err == nil {
			pause, told = time.Second, ""
			select {
			case <-ctx.Done():
			case <-src.lost():
			}
			k.set(nil, fmt.Errorf("%s was lost", src.name()))
			src.close()
			announce()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (k *keeper) set(src source, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.src, k.err = src, err
}

type reading struct {
	idle    time.Duration
	partial bool
	err     error
	busy    []string
	busyErr error
}

func (k *keeper) setNurse(nurse func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.nurse = nurse
}

// ask asks the source. One that does not answer is asked again by a timer, so
// that it is announced when it does.
func (k *keeper) ask(ctx context.Context) reading {
	r := k.read(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.failed() && k.src != nil && k.nurse != nil && !k.nursed {
		k.nursed = true
		k.nurses.Go(k.nurse)
	}
	return r
}

// askAgain asks ever more rarely, up to once a minute, until the source answers.
func (k *keeper) askAgain(ctx context.Context, deadline time.Duration, announce func()) {
	for pause := time.Second / 4; ; pause = min(2*pause, time.Minute) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		within, cancel := context.WithTimeout(ctx, deadline)
		r := k.read(within)
		cancel()
		if !r.failed() {
			break
		}
	}
	k.mu.Lock()
	k.nursed = false
	k.mu.Unlock()
	announce()
}

func (r reading) failed() bool {
	return r.busyErr != nil || r.err != nil && !errors.Is(r.err, errAbsent)
}

func (k *keeper) read(ctx context.Context) reading {
	k.mu.Lock()
	src, err := k.src, k.err
	k.mu.Unlock()
	if err != nil {
		return reading{err: err}
	}
	idle, err := src.idle(ctx)
	if err != nil && !errors.Is(err, errAbsent) {
		err = fmt.Errorf("%s: %w", src.name(), err)
	}
	r := reading{idle: idle, partial: src.partial(), err: err}
	if b, ok := src.(busier); ok && (err == nil || errors.Is(err, errAbsent)) {
		if r.busy, r.busyErr = b.busy(ctx); r.busyErr != nil {
			r.busyErr = fmt.Errorf("%s: %w", src.name(), r.busyErr)
		}
	}
	return r
}

// askAll asks every source at the same time.
func (a *agent) askAll(ctx context.Context) []reading {
	readings := make([]reading, len(a.sources))
	var all sync.WaitGroup
	for i, k := range a.sources {
		all.Go(func() { readings[i] = k.ask(ctx) })
	}
	all.Wait()
	return readings
}

// within runs f, which cannot be cancelled itself, and gives up when ctx ends;
// what f opens too late is dropped. Where a library panics over what it reads, f
// fails.
func within[T any](ctx context.Context, f func() (T, error), drop func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() { done <- r }()
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("what it says is not understood: %v", p)
			}
		}()
		r.v, r.err = f()
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				drop(r.v)
			}
		}()
		var zero T
		return zero, errors.New("it does not answer")
	}
}
