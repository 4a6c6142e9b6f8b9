package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Rechecker watches the actions that wait on the same facts, and tells cheaply
// which of them may have become runnable. It evaluates the residual conditions
// of what each action was found to wait for; where a residual cannot tell, it
// says maybe. So it errs only towards asking once too often: the answer is a
// hint to call [Engine.Decide], never a permission.
//
// What an action has of its own is worked in once, by Set; actions that then
// have the same needs form a group, and new facts are compared once per group.
// Actions whose facts differ, since they write to different volumes, belong to
// different re-checkers. A Rechecker belongs to one goroutine.
type Rechecker struct {
	engine  *Engine
	gen     *Generation
	shared  Input // Facts, Meta and Clock alone
	turn    int   // counts Share, so that a group knows whether its answer is old
	waiting map[string]*waiter
	order   []string
	groups  map[string]*group
	asked   map[uint64]truth // what OPA said of parts on the shared facts
	ready   []string
}

type waiter struct {
	in    *Input
	unmet []string
	group *group           // nil until first needed
	names []string         // the conditions of the group's needs
	since map[string]int64 // of earlier groups, as in need
}

// A group is what some actions need of the shared facts: each of the needs, in
// one of its alternatives.
type group struct {
	needs  []need
	turn   int
	mayRun bool
}

// A need is one condition on the shared facts, and what became of it meanwhile.
type need struct {
	residual
	met   bool  // at the last look
	since int64 // when it was found unmet again, in the clock's seconds; 0: it was never met
}

// Rechecker returns an empty re-checker for the generations of e.
func (e *Engine) Rechecker() *Rechecker {
	return &Rechecker{engine: e, gen: e.Generation(), waiting: map[string]*waiter{}, groups: map[string]*group{}, asked: map[uint64]truth{}, ready: []string{}}
}

// Set adds or replaces one waiting action, with the decision that made it wait.
// Its facts become those of all actions, as by Share.
func (r *Rechecker) Set(id string, in *Input, d Decision) {
	if _, known := r.waiting[id]; !known {
		r.order = append(r.order, id)
	}
	own := *in
	own.Facts, own.Meta, own.Clock = Section{}, Section{}, Section{} // 20 KB each action, and r.shared counts
	r.waiting[id] = &waiter{in: &own, unmet: slices.Concat(d.DeniedBy, d.WaitsFor), since: r.since(id)}
	r.Share(in.Facts, in.Meta, in.Clock)
}

// Drop forgets an action.
func (r *Rechecker) Drop(id string) {
	delete(r.waiting, id)
	r.order = slices.DeleteFunc(r.order, func(o string) bool { return o == id })
}

// Share gives the facts that all actions have in common now.
func (r *Rechecker) Share(facts, meta, clock Section) {
	if r.shared.Facts == facts && r.shared.Meta == meta && r.shared.Clock == clock {
		return
	}
	before := r.shared
	r.shared.Facts, r.shared.Meta, r.shared.Clock = facts, meta, clock
	r.turn++
	clear(r.asked)
	if !sameStatics(&before, &r.shared) {
		r.regroup()
	}
}

// sameStatics tells whether the facts that residuals take for constant are.
func sameStatics(a, b *Input) bool {
	return !slices.ContainsFunc(static, func(path string) bool {
		was, is := a.lookup(path), b.lookup(path)
		return (was == nil) != (is == nil) || was != nil && was.Value.Compare(is.Value) != 0
	})
}

func (r *Rechecker) regroup() {
	for id, w := range r.waiting {
		w.since = r.since(id)
	}
	clear(r.groups)
	for _, w := range r.waiting {
		w.group = nil
	}
}

// Ready returns the ids that may run now, in the order of Set. The slice is
// good until the next call. Nothing is allocated when nothing has changed.
func (r *Rechecker) Ready(ctx context.Context) []string {
	r.follow()
	r.ready = r.ready[:0]
	for _, id := range r.order {
		w := r.waiting[id]
		if w.group == nil {
			w.group = r.groupOf(ctx, w)
		}
		if r.answer(w.group) {
			r.ready = append(r.ready, id)
		}
	}
	return r.ready
}

// Next works out when to look again although nothing has happened: the earliest
// instant at which, on the shared facts of now, any of the actions could come to
// run by the passing of time, and when to measure again what nobody announces.
// What changes in an action's own sections is not in it; [Engine.Next] is.
func (r *Rechecker) Next(now time.Time) Next {
	flip, look := time.Duration(-1), false
	asked := map[*group]bool{}
	for _, w := range r.waiting {
		if w.group == nil || asked[w.group] {
			continue
		}
		asked[w.group] = true
		for i := range w.group.needs {
			need := &w.group.needs[i].residual
			if need.met(&r.shared) == yes {
				continue
			}
			f := need.after(&r.shared, now)
			flip, look = sooner(flip, f.alone), look || f.measured
		}
	}
	return nextAt(now, flip, look)
}

// follow starts over when other policies came into force: what an action waited
// for under the old ones says nothing, so all may run.
func (r *Rechecker) follow() {
	if g := r.engine.Generation(); r.gen != g {
		r.gen = g
		r.regroup()
		for _, w := range r.waiting {
			w.unmet = nil
		}
	}
}

func (r *Rechecker) answer(g *group) bool {
	if g.turn != r.turn {
		g.turn, g.mayRun = r.turn, true
		for i := range g.needs {
			n := &g.needs[i]
			was, is := n.met, n.metBy(r.truth)
			if n.met = is == yes; was && !n.met {
				n.since, _ = wholeNumberAt(&r.shared, "clock.unix_seconds")
			}
			g.mayRun = g.mayRun && is != no
		}
	}
	return g.mayRun
}

// Since tells of those conditions of an action that a look found met since it was
// Set, though not all at once, when they were found unmet again.
func (r *Rechecker) Since(id string) map[string]time.Time {
	out := map[string]time.Time{}
	for name, at := range r.since(id) {
		out[name] = time.Unix(at, 0)
	}
	return out
}

func (r *Rechecker) since(id string) map[string]int64 {
	w := r.waiting[id]
	if w == nil {
		return nil
	}
	out := maps.Clone(w.since)
	if w.group == nil {
		return out
	}
	for i, n := range w.group.needs {
		if n.since == 0 {
			continue
		}
		if out == nil {
			out = map[string]int64{}
		}
		out[w.names[i]] = n.since
	}
	return out
}

// truth is a part's on the shared facts. What only OPA can tell of them it is
// asked once for all groups, however many actions wait for it.
func (r *Rechecker) truth(p *residualPart) truth {
	if p.section >= 0 {
		return p.truth(&r.shared)
	}
	if p.body == nil || slices.ContainsFunc(p.sections, func(s int) bool { return !isShared(s) }) {
		return maybe
	}
	got, known := r.asked[p.id]
	if !known {
		got = p.ask(context.Background(), r.gen, &r.shared)
		r.asked[p.id] = got
	}
	return got
}

// groupOf works in what the action has of its own and finds those that are left
// with the same needs.
func (r *Rechecker) groupOf(ctx context.Context, w *waiter) *group {
	own := *w.in
	own.Facts, own.Meta, own.Clock = r.shared.Facts, r.shared.Meta, r.shared.Clock // static facts decide the shape
	var (
		key   strings.Builder
		needs []need
	)
	w.names = w.names[:0]
	for _, name := range w.unmet {
		if n := r.gen.residual(ctx, name, &own); n != nil {
			needs = append(needs, need{residual: n.specialise(ctx, r.gen, &own, &key)})
			w.names = append(w.names, name)
		}
	}
	g := r.groups[key.String()]
	if g == nil {
		g = &group{needs: needs}
		r.groups[key.String()] = g
	}
	return g
}

// isOwn tells what only OPA can evaluate, and on an action's own sections alone.
func (p *residualPart) isOwn() bool {
	return p.body != nil && !slices.ContainsFunc(p.sections, isShared)
}

// isShared tells the sections that all actions of a re-checker have in common.
func isShared(section int) bool {
	switch sectionKeys[section] {
	case "facts", "meta", "clock":
		return true
	}
	return false
}

// specialise answers the parts that read an action's own sections. It writes
// what is left to key, so that equal rests have equal keys.
func (n *residual) specialise(ctx context.Context, g *Generation, in *Input, key *strings.Builder) residual {
	var left residual
	key.WriteByte('|')
alternatives:
	for _, alt := range n.alternatives {
		var rest []*residualPart
		for _, p := range alt {
			if own := p.section >= 0 && !isShared(p.section); own || p.isOwn() {
				tell := func() truth { return p.ask(ctx, g, in) }
				if own {
					tell = func() truth { return p.eval(in.section(p.section)) }
				}
				switch tell() {
				case no:
					if !p.moves { // else it may hold later, and nobody can tell when
						continue alternatives
					}
				case yes:
					continue
				}
			}
			rest = append(rest, p)
		}
		key.WriteByte(';')
		for _, p := range rest {
			key.WriteByte(' ')
			key.WriteString(strconv.FormatUint(p.id, 36))
		}
		left.alternatives = append(left.alternatives, rest)
	}
	return left
}
