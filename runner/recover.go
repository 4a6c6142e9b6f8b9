package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/execute"
)

// recover makes the world match the journal after a start: packages are
// loaded from the store, and each action that was started and has no end is
// adopted, finished from what its supervisor left, or called interrupted.
func (r *Runner) recover(ctx context.Context) error {
	for _, u := range r.state.sorted() {
		r.loadPackage(u)
	}
	for _, b := range r.openInOrder() {
		if err := r.settle(b); err != nil {
			return err
		}
	}
	r.distrustDamage()
	r.resumeRestarted()
	if err := r.trust.GC(r.inUse()); err != nil {
		r.log.Warn("could not clean the store", "err", err)
	}
	r.syncDropins(ctx)
	return nil
}

// inUse lists what the store must keep: the packages that are registered, and
// the documents and artifacts of updates that are not over. Cleaning is done
// at a start only, when nothing can be on its way into the store.
func (r *Runner) inUse() (keep []string) {
	for _, u := range r.state.updaters {
		keep = append(keep, u.Digest)
		for _, up := range u.updates {
			if up.phase != phaseInstalled && up.phase != phaseGone {
				keep = append(keep, up.Document, up.artifacts)
			}
		}
	}
	for _, b := range r.state.open {
		keep = append(keep, b.Package, b.Document, b.Artifacts)
	}
	return keep
}

// loadPackage fetches a registered package from the store. One that cannot be
// loaded stays registered, runs nothing, and status says why.
func (r *Runner) loadPackage(u *updater) {
	pkg, err := r.trust.Package(u.Digest)
	if err == nil {
		err = r.trust.Commit(pkg) // a crash may have come between the record and the floor
	}
	if err != nil {
		r.log.Error("a registered updater cannot be loaded; register it again", "updater", u.Updater, "err", err)
		r.broken[u.Updater] = err.Error()
		return
	}
	r.packages[u.Updater] = pkg
}

func (r *Runner) openInOrder() []startedBody {
	var list []startedBody
	for _, u := range r.state.sorted() {
		for _, b := range r.state.open {
			if b.Updater == u.Updater {
				list = append(list, b)
			}
		}
	}
	return list
}

// settle finds out what became of one attempt. Whatever cannot be repeated
// safely and may have run is left to a person.
func (r *Runner) settle(b startedBody) error {
	proc, res, what, err := r.exec.Adopt(b.ID)
	if err != nil {
		r.log.Warn("could not adopt", "updater", b.Updater, "action", b.Action, "err", err)
	}
	a := &action{startedBody: b, proc: proc, began: r.now(), obligations: b.Decision.Obligations}
	switch what {
	case execute.Running:
		a.snap = r.facts.Snapshot(context.Background(), r.demand(), facts.Target{Path: r.volumeOf(b.subject)})
		r.resume(a)
		r.follow(a)
		return nil
	case execute.Ended:
		if b.Action == actionScan { // its staging directory may be half written: scan again
			return r.interrupt(b, false, "lull was stopped before it had read the result")
		}
		r.finish(a, *res)
		return nil
	case execute.NeverBegan:
		return r.interrupt(b, false, "lull was stopped before the program was started")
	}
	return r.interrupt(b, true, "lull or the machine was stopped while it was running")
}

// resume makes an adopted process stand still or go on as the journal says it
// does: the daemon's death may have come between the one and the other.
func (r *Runner) resume(a *action) {
	_, up, _, ok := r.state.get(a.subject)
	var err error
	if ok && up != nil && up.phase == phaseFrozen {
		if err = a.proc.Freeze(); err == nil {
			a.frozen = r.now()
		}
	} else {
		err = a.proc.Thaw()
	}
	if err != nil {
		r.log.Warn("could not put an adopted process into its state", "updater", a.Updater, "action", a.Action, "err", err)
	}
}

func (r *Runner) interrupt(b startedBody, began bool, why string) error {
	body := interruptedBody{subject: b.subject, ID: b.ID, Began: began, Why: why}
	if began && b.Idempotent {
		body.RetryAt = r.now().Add(interruptedPause).Format(time.RFC3339Nano)
	}
	if _, err := r.record(kindInterrupted, body); err != nil {
		return err
	}
	if began && !b.Idempotent {
		_, err := r.record(kindNeedsAttention, attentionBody{subject: b.subject, Why: fmt.Sprintf(
			"%s; it may have run in part and is not declared idempotent: check the program, then lull retry %s", why, b.Updater)})
		if err != nil {
			return err
		}
	}
	r.exec.Forget(b.ID)
	return nil
}

// interruptedPause keeps a machine that crashes on an action from crashing
// again at once.
const interruptedPause = time.Minute

// distrustDamage deals with records that lay behind damage in the journal and
// are therefore not part of the state: a non-idempotent action that they show
// as started may have run, so a person has to look.
func (r *Runner) distrustDamage() {
	for _, rec := range r.journal.Salvaged() {
		if rec.Kind != kindStarted {
			continue
		}
		var b startedBody
		if decodeBody(rec, &b) != nil || b.Idempotent {
			continue
		}
		if _, up, _, ok := r.state.get(b.subject); ok && up != nil && up.phase == phasePending {
			r.note(kindNeedsAttention, attentionBody{subject: b.subject, Why: fmt.Sprintf(
				"the journal was damaged and shows behind the damage that this was started; check the program, then lull retry %s", b.Updater)})
		}
	}
}
