package runner

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/execute"
	"github.com/lullhq/lull/trust"
)

// tend looks after what is running: frozen work is thawed when the policy
// would start it again, and ended when it has been frozen for too long. It
// returns the next instant at which that can change.
func (r *Runner) tend(ctx context.Context) (next time.Time) {
	for _, a := range r.active.list() {
		next = earlier(next, r.tendOne(ctx, a))
	}
	r.keepAwake()
	return next
}

func (r *Runner) tendOne(ctx context.Context, a *action) time.Time {
	a.mu.Lock()
	frozen, ending := a.frozen, a.ending
	a.mu.Unlock()
	if frozen.IsZero() || ending {
		return time.Time{}
	}
	d, snap, next, ok := r.redecide(ctx, a)
	if ok && d.Verdict == engine.Run {
		r.thaw(a, "user_away", snap)
		return time.Time{}
	}
	limit := frozen.Add(time.Duration(a.obligations.MaxFrozenSeconds) * time.Second)
	if r.now().Before(limit) {
		return earlier(limit, next)
	}
	if !a.Idempotent {
		// Work that must not run twice is not thrown away: it goes on, as
		// gently as the machine can make it.
		r.throttle(a)
		r.thaw(a, "frozen_too_long", snap)
		return time.Time{}
	}
	r.end(a, "frozen_too_long")
	return time.Time{}
}

// redecide asks whether a would be started now, on facts alone and as if it
// were not running. The facts are those of the volume that it writes to.
func (r *Runner) redecide(ctx context.Context, a *action) (engine.Decision, facts.Snapshot, time.Time, bool) {
	u, up, at, ok := r.state.get(a.subject)
	if !ok {
		return engine.Decision{}, facts.Snapshot{}, time.Time{}, false
	}
	d, _, snap, next := r.decideOn(ctx, candidate{subject: a.subject, u: u, up: up, at: at}, trust.Unchecked())
	return d, snap, next.Earliest(), true
}

// thaw lets a frozen action go on, on the facts that this was decided on. It adds
// work, so the record comes first.
func (r *Runner) thaw(a *action, why string, snap facts.Snapshot) {
	if _, err := r.record(kindThawed, pausedBody{a.subject, a.ID, why}); err != nil {
		return
	}
	if a.goOn(snap, r.log) {
		r.glance(context.Background(), a)
	}
}

// goOn thaws the program itself.
func (a *action) goOn(snap facts.Snapshot, log *slog.Logger) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.proc.Thaw(); err != nil {
		log.Error("could not thaw", "updater", a.Updater, "action", a.Action, "err", err)
		return false
	}
	a.frozen, a.snap = time.Time{}, snap
	return true
}

// end asks a to stop and sees to it that it does.
func (r *Runner) end(a *action, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ending || a.proc == nil {
		return
	}
	a.ending = true
	go r.cancel(a, why)
}

// ended records how a program ended and moves its updater on.
func (r *Runner) ended(a *action, res execute.Result) {
	r.active.remove(a)
	r.keepAwake()
	if a.Action == actionScan && res.Outcome == execute.Succeeded {
		r.scanEnded(a, res)
		return
	}
	r.finish(a, res)
}

// finish writes "finished" and forgets the attempt's marker and exit file.
func (r *Runner) finish(a *action, res execute.Result) {
	body := finishedBody{
		subject: a.subject, ID: a.ID, Outcome: string(res.Outcome), Message: res.Message, Restart: res.Restart, Exit: res.ExitCode,
		Signal: res.Signal, TimedOut: res.TimedOut, Package: a.Package, Artifacts: a.Artifacts, Signer: a.Signer, Policy: a.Policy,
		Layers: res.Layers, CPUSeconds: res.CPUSeconds, BytesRead: res.BytesRead, BytesWritten: res.BytesWritten,
		PeakMemoryBytes: res.PeakMemoryBytes, WallSeconds: res.WallSeconds, FrozenSeconds: res.FrozenSeconds,
	}
	if res.Contradiction != "" {
		body.Message = res.Contradiction
	}
	r.outcome(a, &body)
	if _, err := r.record(kindFinished, body); err != nil {
		return // the exit file stays, and the next start reads it again
	}
	r.exec.Forget(a.ID)
	r.log.Info("finished", "updater", a.Updater, "update", a.Update, "action", a.Action, "outcome", body.Outcome, "message", body.Message)
	r.takeSelfUpdate(a)
}

// outcome fills in what follows from how the action ended: the next step, or
// when to try again, or that no try is left.
func (r *Runner) outcome(a *action, body *finishedBody) {
	u, up, at, ok := r.state.get(a.subject)
	if !ok {
		return
	}
	m := r.manifestOf(u)
	if m == nil {
		return
	}
	failures := at.failures
	switch body.Outcome {
	case string(execute.Succeeded):
		if up != nil {
			e := up.scannedEntry
			if pkg := r.packages[a.Updater]; !r.mayRestart(pkg, body.Restart) {
				body.Message += fmt.Sprintf(" (it asked for a restart of kind %s, which the vendor's scope does not allow)", body.Restart)
				body.Restart = ""
			}
			if body.Restart != "" && body.Restart != restartNone {
				e.Restart = body.Restart
			}
			body.Next = nextStep(m, e, a.Action)
		}
		return
	case string(execute.Removed):
		return
	case string(execute.Continue):
		if at.continues+1 <= maxContinues {
			return
		}
		body.Outcome, body.Message = string(execute.Failed), "asked for this step again more than 8 times in a row"
		failures++
	case string(execute.TryLater), string(execute.Canceled):
		when, _ := backoff(m, 1, r.now())
		if when.IsZero() {
			when = r.now().Add(defaultInitial)
		}
		body.RetryAt = when.Format(time.RFC3339Nano)
		return
	default:
		failures++
	}
	when, more := backoff(m, failures, r.now())
	switch {
	case more:
		body.RetryAt = when.Format(time.RFC3339Nano)
	case a.Action == actionScan:
		// A scan is never given up for good: an updater that cannot find its
		// own fixes would stay broken for ever.
		body.RetryAt = r.now().Add(defaultMaxBackoff).Format(time.RFC3339Nano)
	default:
		body.GaveUp = true
	}
}
