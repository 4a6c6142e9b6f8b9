package runner

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/trust"
)

// demanded is the set of facts that a generation of policies reads. It is kept,
// because facts plans its work once per set.
type demanded struct {
	gen  *engine.Generation
	want facts.Set
}

// demand is the set of facts worth gathering: what the policies in force read
// and what the reflex needs.
func (r *Runner) demand() facts.Set {
	gen := r.engine.Generation()
	if d := r.demanded.Load(); d != nil && d.gen == gen {
		return d.want
	}
	want := facts.Wanted(gen.ReadSet())
	want[factIdle], want[factAC] = true, true
	r.demanded.Store(&demanded{gen, want})
	return want
}

// own is what decides about an action besides the facts of the machine, the
// clock and time itself. While it stays the same, what an action waits for can
// change only by those.
type own struct {
	gen               *engine.Generation
	vendors           *trust.Generation
	pkg               *trust.Package
	update            updateOwn
	action            string
	running           string // what else is under way
	held              bool
	approved, metered bool
	deadlines         bool
	retryAt           time.Time
	failures          int
	trusted           bool // the clock's standing
}

// updateOwn is what an update brings into its input: a new scan may change it.
type updateOwn struct {
	version, document, artifacts, restart string
	security                              bool
	size                                  int64
	deadline                              time.Time
}

func (r *Runner) ownOf(c candidate) own {
	now := r.now()
	o := own{gen: r.engine.Generation(), vendors: r.trust.Generation(), pkg: r.packages[c.Updater], action: c.Action, held: c.u.isHeld(now),
		retryAt: c.at.retryAt, failures: c.at.failures, trusted: r.clockTrusted()}
	word := c.approval()
	o.approved, o.metered = now.Before(word.until), word.metered
	for _, a := range r.active.list() {
		o.running += a.Updater + " " + a.Action + "\n"
	}
	if c.up != nil {
		o.update = updateOwn{version: c.up.Version, document: c.up.Document, artifacts: c.up.artifacts, restart: c.up.ScanUpdate.Restart,
			security: c.up.Security, size: c.up.SizeBytes}
		if c.up.Deadline != nil {
			o.update.deadline = *c.up.Deadline
		}
	}
	if o.pkg != nil {
		o.deadlines = r.honorsDeadlines(o.pkg)
	}
	return o
}

// volume is one place that waiting actions write to, with what waits there.
// The facts of a volume are the same for all of them.
type volume struct {
	checker *engine.Rechecker
	asleep  map[string]candidate
}

// sleep gives an action that waits to the re-checker of its volume: until its
// next check, facts alone can wake it.
func (r *Runner) sleep(c candidate, in *engine.Input, d engine.Decision) {
	pkg := r.packages[c.Updater]
	if pkg == nil || in == nil || d.Error != "" {
		return
	}
	path := r.writesTo(c, pkg)
	v := r.volumes[path]
	if v == nil {
		v = &volume{checker: r.engine.Rechecker(), asleep: map[string]candidate{}}
		r.volumes[path] = v
	}
	v.checker.Set(c.key(), in, d)
	v.asleep[c.key()] = c
}

// key names a subject within a volume.
func (s subject) key() string { return s.Updater + "\x00" + s.Update + "\x00" + s.Action }

// forget takes an action out of its volume's re-checker.
func (r *Runner) forget(c candidate) {
	for path, v := range r.volumes {
		if _, ok := v.asleep[c.key()]; ok {
			r.rememberAgain(c.subject, v)
			v.checker.Drop(c.key())
			delete(v.asleep, c.key())
		}
		if len(v.asleep) == 0 {
			delete(r.volumes, path)
		}
	}
}

// rememberAgain keeps what the re-checker saw of conditions that came and went
// while the action slept: of these the journal has nothing.
func (r *Runner) rememberAgain(sub subject, v *volume) {
	w := r.waiting[sub]
	if w == nil {
		return
	}
	for name, at := range v.checker.Since(sub.key()) {
		if w.again == nil {
			w.again = map[string]time.Time{}
		}
		w.again[name] = at
	}
}

// againSince is what is remembered of conditions that are still unmet.
func (w *waiting) againSince(unmet []string) map[string]time.Time {
	if w == nil {
		return nil
	}
	out := maps.Clone(w.again)
	maps.DeleteFunc(out, func(name string, _ time.Time) bool { return !slices.Contains(unmet, name) })
	return out
}

// blockedSince tells since when each condition has been in the way of an action:
// since the first of the decisions that all found it unmet, or, where a look
// while it slept found it met, since it was found unmet again.
func (r *Runner) blockedSince(c candidate) map[string]time.Time {
	out := maps.Clone(c.at.blocked)
	for _, v := range r.volumes {
		if _, ok := v.asleep[c.key()]; ok {
			r.rememberAgain(c.subject, v)
		}
	}
	if w := r.waiting[c.subject]; w != nil {
		for name, at := range w.again {
			if since, ok := out[name]; ok && at.After(since) {
				out[name] = at
			}
		}
	}
	return out
}

// awakened sorts out which of the candidates are worth a full decision: those
// that are new, changed, due by time, or that the facts of now may let run. For
// the others it costs one look at the facts of each volume and a comparison.
func (r *Runner) awakened(ctx context.Context, list []candidate) map[subject]bool {
	awake, asleep := map[subject]bool{}, map[string]bool{}
	now := r.now()
	for _, c := range list {
		w := r.waiting[c.subject]
		if w == nil || w.refusal != nil || !w.check.IsZero() && !now.Before(w.check) || w.own != r.ownOf(c) {
			awake[c.subject] = true
			r.forget(c)
			continue
		}
		asleep[c.key()] = true
	}
	for path, v := range r.volumes {
		for key, c := range v.asleep {
			if !asleep[key] {
				r.forget(c)
			}
		}
		if len(v.asleep) == 0 {
			continue
		}
		for _, key := range r.recheck(ctx, path, v) {
			awake[v.asleep[key].subject] = true
		}
	}
	for _, c := range list {
		if !awake[c.subject] && !r.isAsleep(c) {
			awake[c.subject] = true // nobody watches for it
		}
	}
	return awake
}

func (r *Runner) isAsleep(c candidate) bool {
	for _, v := range r.volumes {
		if _, ok := v.asleep[c.key()]; ok {
			return true
		}
	}
	return false
}

// recheck shows the facts of now to what waits on one volume and returns the
// keys of what may run. Facts that cannot be shown wake everything.
func (r *Runner) recheck(ctx context.Context, path string, v *volume) []string {
	r.worked.Looks++
	snap := r.facts.Snapshot(ctx, r.demand(), facts.Target{Path: path})
	r.remember(path, snap)
	shared, err := newInput(map[string]any{
		"facts": snap.Facts(), "meta": snap.Meta(), "clock": clockSection(r.now(), r.clockTrusted()),
	})
	if err != nil {
		keys := make([]string, 0, len(v.asleep))
		for key := range v.asleep {
			keys = append(keys, key)
		}
		return keys
	}
	v.checker.Share(shared.Facts, shared.Meta, shared.Clock)
	return v.checker.Ready(ctx)
}

// writesTo is the directory whose volume matters for the action: what it
// declares to write for an install, its own staging directory otherwise.
func (r *Runner) writesTo(c candidate, pkg *trust.Package) string {
	if w := pkg.Manifest.Sandbox.Write; len(w) > 0 && c.Action != actionScan && c.Action != actionDownload {
		return r.paths.Host(w[0])
	}
	return filepath.Join(r.paths.State, "updaters")
}

// volumeOf is writesTo of what is under way; its package may be gone.
func (r *Runner) volumeOf(sub subject) string {
	if pkg := r.packages[sub.Updater]; pkg != nil {
		return r.writesTo(candidate{subject: sub}, pkg)
	}
	return r.paths.State
}
