package runner

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/trust"
)

// status assembles the whole picture. It runs on the loop.
func (r *Runner) status() control.Status {
	s := control.Status{
		Version: r.opt.Version, PID: os.Getpid(), Since: r.since, Boot: r.boot, Root: r.paths.Base(), Unprivileged: os.Geteuid() != 0,
		Warnings: r.warnings(), Config: r.rejected, Policy: r.policyStatus(), Updaters: []control.Updater{}, KeepAwake: r.awake.reason(),
		Journal: control.Journal{Records: r.journal.Last().Seq}, Work: r.worked,
	}
	s.Sandbox.Layers, s.Sandbox.Memory = r.exec.Layers()
	gen := r.trust.Generation()
	s.Vendors = control.Vendors{Digest: gen.Digest(), Names: []string{}}
	for _, v := range gen.Vendors() {
		s.Vendors.Names = append(s.Vendors.Names, v.Name)
	}
	for _, p := range gen.Problems() {
		s.Vendors.Problems = append(s.Vendors.Problems, p.String())
	}
	var next time.Time
	for _, u := range r.state.sorted() {
		one := r.updaterStatus(u)
		s.Updaters = append(s.Updaters, one)
		if one.Current != nil && one.Current.Check != nil {
			next = earlier(next, *one.Current.Check)
		}
		if one.NextScan != nil {
			next = earlier(next, *one.NextScan)
		}
	}
	s.NextCheck = optional(next)
	return s
}

// refresh decides again what waits, so that the picture shows the facts of now:
// until something may run, the loop itself only compares what it needs to.
func (r *Runner) refresh(ctx context.Context) {
	for _, w := range r.waiting {
		if w.refusal == nil {
			w.decision, _, _, _ = r.decideOn(ctx, w.candidate, trust.Unchecked())
		}
	}
}

func (r *Runner) policyStatus() control.Policy {
	st := r.engine.Status()
	p := control.Policy{Digest: st.Digest, Since: st.Since, Rejected: st.Rejected, RejectedSince: optional(st.RejectedSince), LastGood: st.FromLastGood}
	for _, d := range st.Diagnostics {
		p.Problems = append(p.Problems, d.String())
	}
	return p
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (r *Runner) updaterStatus(u *updater) control.Updater {
	out := control.Updater{
		ID: u.Updater, Vendor: u.Vendor, Version: u.Version, Digest: u.Digest, Source: u.Source, Registered: u.registeredAt, Artifacts: r.binding(u.Updater),
		State: control.Idle, Updates: []control.Update{}, LastScan: optional(u.scanDone), Why: r.broken[u.Updater],
	}
	if m := r.manifestOf(u); m != nil {
		out.Name = m.DisplayName
		out.NextScan = optional(u.scanDue(m))
	}
	if u.held != nil && u.isHeld(r.now()) {
		out.HeldUntil = u.held.Until
	}
	for _, id := range u.order {
		out.Updates = append(out.Updates, r.updateStatus(u.updates[id]))
	}
	out.Current = r.current(u)
	out.State = r.stateOf(u, out)
	if err := r.fallen(u); err != nil && out.State == control.Idle {
		out.State, out.Why = control.Denied, err.Error()
	}
	return out
}

// fallen tells why nobody vouches for an updater any more, nil when somebody
// does: what has nothing to do would otherwise look well until its next scan.
func (r *Runner) fallen(u *updater) error {
	if pkg := r.packages[u.Updater]; pkg != nil {
		return r.trust.Standing(pkg)
	}
	return nil
}

// stateOf is the one word for an updater.
func (r *Runner) stateOf(u *updater, s control.Updater) control.State {
	switch {
	case r.broken[u.Updater] != "":
		return control.Broken
	case u.isHeld(r.now()):
		return control.Held
	case s.Current != nil:
		return s.Current.State
	}
	return control.StateOf(s.Updates)
}

var stateOfPhase = map[phase]control.State{
	phasePending: control.Waiting, phaseRunning: control.Running, phaseFrozen: control.Frozen, phaseRestart: control.AwaitsRestart,
	phaseInstalled: control.Installed, phaseFailed: control.Failed, phaseAttention: control.NeedsAttention, phaseGone: control.Gone,
}

func (r *Runner) updateStatus(up *update) control.Update {
	out := control.Update{
		ID: up.ID, Title: up.Title, Version: up.Version, Security: up.Security, SizeBytes: up.SizeBytes, Deadline: up.Deadline,
		Found: up.found, State: stateOfPhase[up.phase], Step: up.step, Failures: up.attempts.failures,
		RetryAt: optional(up.attempts.retryAt), ApprovedTo: optional(up.approval.until), Why: up.why,
	}
	if up.ScanUpdate.Restart != restartNone {
		out.Restart = up.ScanUpdate.Restart
	}
	return out
}

// current is what runs or comes next for u; nil when nothing does.
func (r *Runner) current(u *updater) *control.Item {
	if a := r.active.get(u.Updater); a != nil {
		it := &control.Item{Update: a.Update, Action: a.Action, State: control.Running, Verdict: string(engine.Run), Attempt: a.Attempt, Started: optional(a.began)}
		if a.isFrozen() {
			it.State = control.Frozen
		}
		it.Progress = a.progressed()
		return it
	}
	if what := r.busy[u.Updater]; what != "" {
		return &control.Item{Action: what, State: control.Verifying}
	}
	for sub, w := range r.waiting {
		if sub.Updater == u.Updater {
			return r.waitingItem(w)
		}
	}
	return nil
}

func (r *Runner) waitingItem(w *waiting) *control.Item {
	it := &control.Item{
		Update: w.Update, Action: w.Action, State: control.Waiting, Verdict: string(w.decision.Verdict),
		DeniedBy: w.decision.DeniedBy, WaitsFor: w.decision.WaitsFor, Error: w.decision.Error, Check: optional(w.check), Retry: optional(w.candidate.at.retryAt),
	}
	if w.decision.Verdict == engine.Deny {
		it.State = control.Denied
	}
	if w.refusal != nil {
		it.Code, it.Error = w.refusal.Code, w.refusal.Error
		if it.Code != trust.Code(trust.ErrClock) {
			it.State = control.Denied
		}
	}
	return it
}

// Why explains what an updater, or one of its updates, waits for: with the
// newest facts, and what must change.
func (b *backend) Why(ctx context.Context, id, update string) (w control.Why, err error) {
	var (
		c       candidate
		in      *engine.Input
		at      time.Time
		blocked map[string]time.Time
	)
	if e := b.on(func() { at = b.r.now(); w, c, in, err = b.r.why(ctx, id, update) }); e != nil {
		return w, e
	}
	if err != nil {
		return w, apiError(err)
	}
	if in == nil {
		return w, nil
	}
	// The loop has then seen these facts, too, so it knows since when.
	if e := b.onSettled(func() { blocked = b.r.blockedSince(c) }); e != nil {
		return w, e
	}
	b.r.explain(ctx, in, at, &w)
	for i := range w.Unmet {
		w.Unmet[i].Since = optional(blocked[w.Unmet[i].Condition])
	}
	return w, nil
}

// why finds out what comes next and assembles its document; the explaining is
// done off the loop.
func (r *Runner) why(ctx context.Context, id, update string) (control.Why, candidate, *engine.Input, error) {
	w := control.Why{Updater: id, Update: update, Unmet: []control.Unmet{}}
	u := r.state.updaters[id]
	if u == nil {
		return w, candidate{}, nil, errUnknownUpdater(id)
	}
	if update != "" && u.updates[update] == nil {
		return w, candidate{}, nil, &unknownError{id: id, update: update}
	}
	c, done := r.subjectOf(u, update, &w)
	if done {
		return w, c, nil, nil
	}
	w.Update, w.Action = c.Update, c.Action
	if u.isHeld(r.now()) {
		w.HeldUntil = u.held.Until
	}
	told := trust.Unchecked()
	if known := r.waiting[c.subject]; known != nil && known.refusal != nil {
		told["checked"], told["error_code"] = true, known.refusal.Code
		w.Code, w.Error = known.refusal.Code, known.refusal.Error
	}
	in, _, err := r.document(ctx, c, told)
	return w, c, in, err
}

// subjectOf picks what to explain. It reports true, with w filled in, when
// nothing waits for a decision.
func (r *Runner) subjectOf(u *updater, update string, w *control.Why) (candidate, bool) {
	if update != "" {
		up := u.updates[update]
		w.State = stateOfPhase[up.phase]
		if up.phase != phasePending {
			w.Text = fmt.Sprintf("%s is %s%s", update, w.State, because(up.why))
			return candidate{}, true
		}
		return candidate{subject: subject{u.Updater, update, up.step}, u: u, up: up, at: &up.attempts}, false
	}
	if cur := r.current(u); cur != nil && cur.State != control.Waiting && cur.State != control.Denied {
		w.State, w.Update, w.Action = cur.State, cur.Update, cur.Action
		w.Text = fmt.Sprintf("%s: %s is %s", u.Updater, cur.Action, cur.State)
		return candidate{}, true
	}
	m := r.manifestOf(u)
	if m == nil {
		w.State, w.Text = control.Broken, "its package cannot be loaded: "+r.broken[u.Updater]
		return candidate{}, true
	}
	c, due := u.candidate(r.now(), m)
	if c == nil {
		w.State = r.updaterStatus(u).State
		w.Text = fmt.Sprintf("%s has nothing to do until its next scan", u.Updater)
		w.NextCheck = optional(due)
		if err := r.fallen(u); err != nil {
			w.Code, w.Error = trust.Code(err), err.Error()
			w.Text = fmt.Sprintf("%s will not run any more: nobody whom this machine trusts vouches for it", u.Updater)
		}
		return candidate{}, true
	}
	return *c, false
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// explain decides again, on the document of that instant, and fills in every
// unmet condition and what must change.
func (r *Runner) explain(ctx context.Context, in *engine.Input, at time.Time, w *control.Why) {
	d := r.engine.Decide(ctx, in)
	w.Decision, w.State = d, control.Waiting
	if doc, err := in.JSON(); err == nil {
		w.Input = doc
	}
	if d.Error != "" {
		w.Error = d.Error
	}
	switch d.Verdict {
	case engine.Run:
		w.Text = fmt.Sprintf("%s may run now", w.Action)
		return
	case engine.Deny:
		w.State = control.Denied
		w.Text = fmt.Sprintf("%s is denied, and waiting will not help", w.Action)
	default:
		w.Text = fmt.Sprintf("%s waits for %d of its conditions", w.Action, len(d.WaitsFor))
		w.NextCheck = optional(r.engine.Next(in, d, at).Earliest())
	}
	r.aloneOn(ctx, in, d, at, w)
	x := r.engine.Explain(ctx, in, d)
	w.CannotClear = x.CannotClear
	for _, c := range x.Changes {
		w.Changes = append(w.Changes, c.String())
	}
	for _, u := range x.Unmet {
		out := unmetOf(u, slices.Contains(d.DeniedBy, u.Name))
		// Remedies are written for all updaters; the reader has one.
		out.Remedy = strings.ReplaceAll(out.Remedy, "UPDATER", w.Updater)
		w.Unmet = append(w.Unmet, out)
	}
}

// aloneOn fills in what becomes of it when nothing but time changes. The end of a
// hold is time's doing, too, though the document cannot show it.
func (r *Runner) aloneOn(ctx context.Context, in *engine.Input, d engine.Decision, at time.Time, w *control.Why) {
	if until := w.HeldUntil; until != nil {
		then, err := in.After(until.Sub(at)).WhatIf("control.hold", "false")
		if err != nil {
			return
		}
		in, at = then, *until
		d = r.engine.Decide(ctx, in)
	}
	alone := r.engine.Alone(ctx, in, d, at)
	w.Earliest, w.NotByTime, w.TimeUnclear = optional(alone.At), alone.Needs, alone.Unclear
}

func unmetOf(u engine.Unmet, denies bool) control.Unmet {
	out := control.Unmet{Condition: u.Name, Title: u.Title, Text: u.Text, Opaque: u.Opaque, Description: strings.Join(strings.Fields(u.Description), " "), Denies: denies,
		ClearsBy: u.ClearsBy, Remedy: u.Remedy, Needed: u.Needed, File: u.File, Line: u.Line}
	for _, o := range u.Observed {
		switch {
		case o.Known:
			out.Observed = append(out.Observed, fmt.Sprintf("%s = %v", o.Path, o.Value))
		case o.Why != "":
			out.Observed = append(out.Observed, fmt.Sprintf("%s is unknown: %s", o.Path, o.Why))
		default:
			out.Observed = append(out.Observed, o.Path+" is unknown")
		}
	}
	return out
}
