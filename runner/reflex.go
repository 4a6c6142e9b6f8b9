package runner

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/execute"
)

// action is one program under way.
type action struct {
	startedBody
	proc        *execute.Process
	snap        facts.Snapshot // the facts it was started or thawed on: a use after them is a return
	began       time.Time
	obligations engine.Obligations

	mu        sync.Mutex
	frozen    time.Time // zero: not frozen
	throttled bool
	ending    bool // asked to end
	progress  *control.Progress
}

// progressed returns the newest progress that the program told.
func (a *action) progressed() *control.Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.progress
}

// listen keeps the newest progress until the program ends.
func (a *action) listen() {
	for ev := range a.proc.Events() {
		a.mu.Lock()
		a.progress = &control.Progress{Current: ev.Current, Total: ev.Total}
		a.mu.Unlock()
	}
}

func (a *action) isFrozen() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.frozen.IsZero()
}

// actives are the programs under way, by updater: one each. The reflex reads
// it while the loop may be waiting for a disk.
type actives struct {
	mu   sync.Mutex
	byID map[string]*action
}

func newActives() *actives { return &actives{byID: map[string]*action{}} }

func (s *actives) add(a *action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[a.Updater] = a
}

func (s *actives) remove(a *action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[a.Updater] == a {
		delete(s.byID, a.Updater)
	}
}

func (s *actives) has(updater string) bool { return s.get(updater) != nil }

func (s *actives) get(updater string) *action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[updater]
}

// list returns them in a fixed order.
func (s *actives) list() []*action {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*action, 0, len(s.byID))
	for _, a := range s.byID {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *action) int { return strings.Compare(a.Updater, b.Updater) })
	return list
}

// The facts that the reflex acts on, whatever the policy reads.
const (
	factIdle facts.ID = "presence.idle_seconds"
	factAC   facts.ID = "power.on_ac"
)

// reflex reacts to changed facts before anything else does: it freezes what
// the returning user would feel and drops the inhibitor when the machine is
// unplugged, without waiting for the loop or the journal. It then tells the
// loop, which records it. It ends when changes is closed.
func (r *Runner) reflex(ctx context.Context, changes <-chan facts.Set) {
	for range changes {
		if running := r.active.list(); len(running) > 0 {
			r.glance(ctx, running...)
		}
		r.post(func() {})
	}
}

// reflexFacts are asked for alone: it is quick.
var reflexFacts = facts.Set{factIdle: true, factAC: true}

// glance looks at the machine and reacts to what it sees. What begins or goes on
// is looked at once after that: whoever returned in between was told of before
// there was anything to react with.
func (r *Runner) glance(ctx context.Context, running ...*action) {
	snap := r.facts.Snapshot(ctx, reflexFacts, facts.Target{})
	if !onAC(snap) {
		r.awake.drop()
	}
	for _, a := range running {
		r.react(a, snap)
	}
}

func onAC(s facts.Snapshot) bool { ac, known := s.Get(factAC).V.(bool); return known && ac }

// returned reports whether the user has touched the machine since the facts that
// a runs on, or whether lull can no longer tell although it could before. Without
// a touch the idle time has grown by as much as has passed; with one it is less by
// at least minAbsence, as that long it was then.
func (a *action) returned(s facts.Snapshot, now time.Time) bool {
	before, v := a.snap.Get(factIdle), s.Get(factIdle)
	if v.State != facts.Known || before.State != facts.Known {
		return before.State == facts.Known
	}
	return asSeconds(v.V) < asSeconds(before.V)+now.Sub(a.snap.At()).Seconds()-minAbsence/2
}

func asSeconds(v any) float64 {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

// react does what the decision's obligations say when the user has returned.
// It only takes away: it never thaws.
func (r *Runner) react(a *action, s facts.Snapshot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.cares() || !a.returned(s, r.now()) {
		return
	}
	if !a.frozen.IsZero() || a.ending || a.proc == nil {
		return
	}
	switch {
	case a.obligations.OnUserReturn == "freeze" && a.Pausable:
		r.freeze(a)
	case a.obligations.OnUserReturn == "cancel" && a.Pausable:
		a.ending = true
		go r.cancel(a, "user_returned")
	case !a.throttled && a.obligations.OnUserReturn != "":
		a.throttled = true // non-pausable work is never killed for the user's sake
		r.throttle(a)
	}
}

// freeze stops a where it is, and has the loop record it. a.mu is held.
func (r *Runner) freeze(a *action) {
	if err := a.proc.Freeze(); err != nil {
		r.log.Error("could not freeze", "updater", a.Updater, "action", a.Action, "err", err)
		return
	}
	a.frozen = r.now()
	r.post(func() { r.note(kindFrozen, pausedBody{a.subject, a.ID, "user_returned"}) })
}

// cares reports whether the decision that started a required the user's
// absence: an update that may run beside the user is not stopped by them.
func (a *action) cares() bool {
	return a.obligations.OnUserReturn != "" && a.obligations.OnUserReturn != "finish" && a.absent()
}

// absent reports whether the user was away when a was started: an action that
// began in the user's presence, approved by them or needing no absence, does
// not end by it.
func (a *action) absent() bool {
	v := a.snap.Get(factIdle)
	return v.State == facts.Known && asSeconds(v.V) >= minAbsence
}

// minAbsence is the least idle time that counts as the user being away: below
// it they may have been there when the action started.
const minAbsence = 60

// cancelGrace is how long a program has to end by itself when asked to.
const cancelGrace = 10 * time.Second

// throttle makes a as gentle as the machine can.
func (r *Runner) throttle(a *action) {
	if err := a.proc.Throttle(execute.Idle, execute.Idle); err != nil {
		r.log.Warn("could not throttle", "updater", a.Updater, "action", a.Action, "err", err)
	}
}

// cancel asks a to end, and ends it after the grace.
func (r *Runner) cancel(a *action, why string) {
	if err := a.proc.Cancel(why, cancelGrace); err != nil {
		r.log.Warn("could not cancel", "updater", a.Updater, "action", a.Action, "err", err)
	}
}
