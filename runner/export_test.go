package runner

import (
	"context"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/trust"
)

// OnDocument has f see, and change, each input document that r assembles. It is
// called before Run.
func (r *Runner) OnDocument(f func(map[string]any)) { r.assembled = f }

// Freeze does to what is running of an updater what the user's return does. It
// reports false while nothing is: a program may have begun before its start is
// taken note of.
func (r *Runner) Freeze(updater string) bool {
	a := r.active.get(updater)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r.freeze(a)
	return true
}

// OwnWork is what the facts are told to leave out.
func (r *Runner) OwnWork() facts.Own { return r.factsOptions().Own() }

// Evaluations is how often OPA has evaluated the policies in force.
func (r *Runner) Evaluations() uint64 { return r.engine.Generation().Evaluations() }

// Ask assembles the document of a step of an update, as for any other, and asks
// the policy about it.
func (r *Runner) Ask(ctx context.Context, updater, update, action string) (d engine.Decision) {
	done := make(chan struct{})
	r.post(func() {
		defer close(done)
		sub := subject{Updater: updater, Update: update, Action: action}
		if u, up, at, ok := r.state.get(sub); ok {
			d, _, _, _ = r.decideOn(ctx, candidate{subject: sub, u: u, up: up, at: at}, trust.Unchecked())
		}
	})
	<-done
	return d
}
