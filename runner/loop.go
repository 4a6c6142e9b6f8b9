package runner

import (
	"context"
	"slices"
	"time"
)

// do runs f on the loop and waits for it. It reports false when the loop has
// ended and f did not run.
func (r *Runner) do(f func()) bool {
	done := make(chan struct{})
	return r.await(func() { f(); close(done) }, done)
}

// doSettled is do after the turn that follows, when the loop has looked at
// whatever is new: an answer that tells of decisions must not come before them.
func (r *Runner) doSettled(f func()) bool {
	done := make(chan struct{})
	return r.await(func() { r.settled = append(r.settled, func() { f(); close(done) }) }, done)
}

func (r *Runner) await(f func(), done <-chan struct{}) bool {
	select {
	case r.inbox <- f:
	case <-r.stopped:
		return false
	}
	select {
	case <-done:
		return true
	case <-r.stopped:
		return false
	}
}

// post sends f to the loop without waiting for it to run. It drops f when the
// loop has ended: what f would have recorded, the next start finds out.
func (r *Runner) post(f func()) {
	select {
	case r.inbox <- f:
	case <-r.stopped:
	}
}

// loop owns all state until ctx ends. It sleeps until an event, or until the
// one instant at which time alone can change something; there is no ticker.
func (r *Runner) loop(ctx context.Context) {
	defer close(r.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	rest := newResting(r.opt.Rest)
	defer rest.timer.Stop()
	for {
		select {
		case <-rest.timer.C:
			rest.rest()
			continue
		case <-ctx.Done():
			return
		case f := <-r.inbox:
			rest.wake()
			f()
			r.drain()
		case <-timer.C:
			rest.wake()
		}
		next := r.turn(ctx)
		for _, f := range r.settled {
			f()
		}
		r.settled = nil
		r.lookAgain()
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(max(0, next.Sub(r.now())) + time.Millisecond)
		}
		rest.plan(r.now(), next)
	}
}

// drain handles what else has arrived, so that a burst of events costs one
// turn of deciding.
func (r *Runner) drain() {
	for range cap(r.inbox) {
		select {
		case f := <-r.inbox:
			f()
		default:
			return
		}
	}
}

// turn looks at everything once: what is running, what waits. It returns the
// next instant at which it must look again without an event.
func (r *Runner) turn(ctx context.Context) time.Time {
	next := r.tend(ctx)
	list, due := r.state.candidates(r.now(), r.manifestOf)
	next = earlier(next, due)
	list, due = r.rootsCandidate(list)
	next = earlier(next, due)
	list = slices.DeleteFunc(list, func(c candidate) bool { return r.busy[c.Updater] != "" || r.active.has(c.Updater) })
	awake := r.awakened(ctx, list)
	live := map[subject]bool{}
	for _, c := range list {
		live[c.subject] = true
		if r.busy[c.Updater] != "" || r.active.has(c.Updater) {
			continue // its other step has just begun
		}
		if awake[c.subject] {
			next = earlier(next, r.consider(ctx, c))
		} else {
			next = earlier(next, r.waiting[c.subject].check)
		}
		if h := c.u.held; h != nil && h.Until != nil && c.u.isHeld(r.now()) {
			next = earlier(next, *h.Until)
		}
	}
	for sub := range r.waiting {
		if !live[sub] {
			delete(r.waiting, sub)
		}
	}
	for _, v := range r.volumes {
		next = earlier(next, v.checker.Next(r.now()).Earliest())
	}
	r.journal.Idle()
	return next
}

// background runs f on a goroutine that close waits for, for work that reads
// or hashes files and must not hold up the loop.
func (r *Runner) background(f func()) {
	r.work.Add(1)
	go func() {
		defer r.work.Done()
		f()
	}()
}
