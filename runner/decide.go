package runner

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/trust"
)

// fallbackCheck is how long a candidate may wait unseen when its input could
// not even be assembled, which no event may ever announce the end of.
const fallbackCheck = time.Minute

// consider takes one candidate as far as it may go now, and returns the next
// instant at which it is worth another look (zero: only an event helps).
func (r *Runner) consider(ctx context.Context, c candidate) time.Time {
	switch c.Action {
	case stepAdmit:
		return r.considerAdmit(ctx, c)
	case actionRestart:
		r.scheduleRestart(c)
		return time.Time{}
	}
	if w := r.waiting[c.subject]; w != nil && w.refusal != nil && r.now().Before(w.check) {
		return w.check // trust refused it; only a change of trust, a new package or time helps
	}
	d, in, snap, next := r.decideOn(ctx, c, trust.Unchecked())
	if d.Verdict != engine.Run {
		// Nobody should wait for what cannot come.
		if pkg := r.packages[c.Updater]; pkg != nil && c.Updater != rootsID {
			if err := r.trust.Standing(pkg); err != nil {
				r.refuse(c, pkg, d, err)
				return r.waiting[c.subject].check
			}
		}
		r.wait(c, d, snap, next.Flip, false)
		r.sleep(c, in, d)
		return next.Flip
	}
	if c.Updater == rootsID {
		r.refreshRoots(ctx)
		return time.Time{}
	}
	r.verify(ctx, c)
	return time.Time{}
}

// decideOn asks the policy about c with fresh facts. A document that cannot
// be assembled is a wait that says so.
func (r *Runner) decideOn(ctx context.Context, c candidate, trusted map[string]any) (engine.Decision, *engine.Input, facts.Snapshot, engine.Next) {
	in, snap, err := r.document(ctx, c, trusted)
	if err != nil {
		d, next := r.unusable(err)
		return d, nil, snap, next
	}
	r.worked.Decisions++
	d := r.engine.Decide(ctx, in)
	if d.Verdict == engine.Run {
		return d, in, snap, engine.Next{}
	}
	return d, in, snap, r.engine.Next(in, d, r.now())
}

// unusable is the decision on a document that the policy cannot be asked about.
func (r *Runner) unusable(err error) (engine.Decision, engine.Next) {
	d := engine.Decision{Verdict: engine.Wait, WaitsFor: []string{engine.PolicyError}, DeniedBy: []string{}, Error: err.Error()}
	return d, engine.Next{Flip: r.now().Add(fallbackCheck)}
}

// wait remembers why c does not run, and journals it when that has changed.
func (r *Runner) wait(c candidate, d engine.Decision, snap facts.Snapshot, next time.Time, final bool) {
	again := r.waiting[c.subject].againSince(slices.Concat(d.DeniedBy, d.WaitsFor))
	r.waiting[c.subject] = &waiting{candidate: c, decision: d, own: r.ownOf(c), check: next, at: r.now(), again: again}
	r.recordDecision(c, d, snap, final)
}

// recordDecision journals a decision when it differs from the last one
// journaled for the same action, by this daemon or the one before: the log grows
// with changes, not with looks nor with restarts.
func (r *Runner) recordDecision(c candidate, d engine.Decision, snap facts.Snapshot, final bool) {
	body := decidedBody{subject: c.subject, Decision: d, Policy: d.PolicyDigest, Facts: snap.Facts(), Final: final, Error: d.Error}
	if c.at.decided == body.print() {
		return
	}
	r.note(kindDecided, body)
	c.at.decided = body.print() // as the record does, but for lull's own action, which the state does not hold
}

// print is what makes two decisions the same for the journal.
func (b decidedBody) print() string {
	text, _ := json.Marshal([]any{b.Decision, b.Policy, b.Error})
	return string(text)
}

// print is what makes two refusals of a start the same. That the clock is not to
// be believed is one, whatever it shows.
func (b refusedBody) print() string {
	if b.Code == trust.Code(trust.ErrClock) {
		return "refused " + b.Code
	}
	return "refused " + b.Code + " " + b.Error
}

// verify asks trust, off the loop, whether these bytes may still run, and
// comes back to the loop for the final decision.
func (r *Runner) verify(ctx context.Context, c candidate) {
	r.busy[c.Updater] = "verifying"
	pkg := r.packages[c.Updater]
	r.background(func() {
		v, told, err := r.check(ctx, c, pkg)
		r.post(func() {
			delete(r.busy, c.Updater)
			if r.packages[c.Updater] != pkg {
				return // replaced meanwhile; the next turn looks at the new one
			}
			r.final(ctx, c, pkg, v, told, err)
		})
	})
}

// check loads what the action will read from the store and has trust check
// all of it again.
func (r *Runner) check(ctx context.Context, c candidate, pkg *trust.Package) (*trust.Verified, map[string]any, error) {
	var (
		doc  *trust.Update
		arts *trust.Artifacts
		err  error
	)
	if c.up != nil && c.up.Document != "" {
		if doc, err = r.trust.Update(c.up.Document); err != nil {
			return nil, failedTrust(err), err
		}
	}
	if c.up != nil && c.up.artifacts != "" {
		if arts, err = r.trust.Artifacts(c.up.artifacts); err != nil {
			return nil, failedTrust(err), err
		}
	}
	return r.trust.Check(ctx, pkg, c.Action, doc, arts)
}

func failedTrust(err error) map[string]any {
	told := trust.Unchecked()
	told["checked"], told["verified"], told["error_code"] = true, false, trust.Code(err)
	return told
}

// final is the second decision: trust's answer and fresh facts, the last step
// before the start, by OPA's own evaluator. A document that breaks the schema starts
// nothing, whatever the policy made of it: values of the wrong type compare, too.
func (r *Runner) final(ctx context.Context, c candidate, pkg *trust.Package, v *trust.Verified, told map[string]any, err error) {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	d, in, snap, next := r.decideOn(ctx, c, told)
	if err != nil {
		r.refuse(c, pkg, d, err)
		return
	}
	var sure *engine.Confirmed
	if d.Verdict == engine.Run {
		if err := r.engine.Validate(ctx, in); err != nil {
			d, next = r.unusable(err)
		} else if d, sure = r.engine.Confirm(ctx, in); sure == nil {
			next = r.engine.Next(in, d, r.now())
		}
	}
	if sure == nil {
		r.wait(c, d, snap, next.Flip, true)
		r.sleep(c, in, d)
		return
	}
	r.start(ctx, c, pkg, v, sure, snap)
}

// refuse notes that trust said no. Go owns this floor: whatever the policy
// answered, nothing starts.
func (r *Runner) refuse(c candidate, pkg *trust.Package, d engine.Decision, err error) {
	if d.Verdict == engine.Run {
		d.Verdict, d.DeniedBy = engine.Deny, []string{"trusted"}
	}
	look := refusedCheck
	if errors.Is(err, trust.ErrClock) { // nothing is denied: it waits for the clock, which the text tells
		look = fallbackCheck
		if d.Verdict != engine.Wait {
			d.Verdict, d.DeniedBy, d.WaitsFor = engine.Wait, []string{}, []string{"clock_plausible"}
		}
	}
	body := refusedBody{subject: c.subject, Stage: stageStart, Code: trust.Code(err), Error: err.Error(), Package: pkg.Digest, Decision: &d, Policy: d.PolicyDigest}
	r.waiting[c.subject] = &waiting{candidate: c, decision: d, refusal: &body, check: r.now().Add(look), at: r.now()}
	if c.at.decided != body.print() {
		r.note(kindRefused, body)
		c.at.decided = body.print()
		r.log.Warn("refused to start", "updater", c.Updater, "action", c.Action, "code", body.Code, "err", err)
	}
}

// refusedCheck bounds how long a refusal stands without a new look: trust can
// come back by time alone, as a key's validity or a clock set right.
const refusedCheck = time.Hour
