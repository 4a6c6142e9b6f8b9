package engine

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A Rechecker watches the actions that wait, and tells cheaply which of them
// may have become runnable. It evaluates the residual conditions of what each
// action was found to wait for; where a residual cannot tell, it says maybe. So
// it errs only towards asking once too often: the answer is a hint to call
// [Engine.Decide], never a permission. It belongs to one goroutine.
type Rechecker struct {
	engine  *Engine
	gen     *Generation
	waiting map[string]*waiter
	order   []string
	memo    map[*residualPart]remembered
	ready   []string
}

type waiter struct {
	in    *Input
	unmet []string
	needs []*residual // of each unmet condition; nil: cannot tell
}

type remembered struct {
	section *ast.Term
	answer  truth
}

// Rechecker returns an empty re-checker for the generations of e.
func (e *Engine) Rechecker() *Rechecker {
	return &Rechecker{engine: e, gen: e.Generation(), waiting: map[string]*waiter{}, memo: map[*residualPart]remembered{}, ready: []string{}}
}

// Set adds or replaces one waiting action, with the decision that made it wait.
func (r *Rechecker) Set(id string, in *Input, d Decision) {
	if _, known := r.waiting[id]; !known {
		r.order = append(r.order, id)
	}
	copied := *in
	r.waiting[id] = &waiter{in: &copied, unmet: slices.Concat(d.DeniedBy, d.WaitsFor)}
}

// Drop forgets an action.
func (r *Rechecker) Drop(id string) {
	delete(r.waiting, id)
	r.order = slices.DeleteFunc(r.order, func(o string) bool { return o == id })
}

// Share puts the machine's facts, which all actions have in common, in place of
// those that each was set with.
func (r *Rechecker) Share(facts, meta, clock Section) {
	for _, w := range r.waiting {
		w.in.Facts, w.in.Meta, w.in.Clock = facts, meta, clock
	}
}

// Ready returns the ids that may run now, in the order of Set. The slice is
// good until the next call. Nothing is allocated when nothing has changed.
func (r *Rechecker) Ready(ctx context.Context) []string {
	r.follow()
	r.ready = r.ready[:0]
	for _, id := range r.order {
		w := r.waiting[id]
		if w.needs == nil {
			r.prepare(ctx, w)
		}
		if r.mayRun(w) {
			r.ready = append(r.ready, id)
		}
	}
	return r.ready
}

// follow starts over when other policies came into force.
func (r *Rechecker) follow() {
	g := r.engine.Generation()
	if r.gen == g {
		return
	}
	r.gen = g
	clear(r.memo)
	for _, w := range r.waiting {
		w.needs, w.unmet = nil, nil // unmet of other policies: everything may run
	}
}

func (r *Rechecker) prepare(ctx context.Context, w *waiter) {
	w.needs = make([]*residual, 0, len(w.unmet))
	for _, name := range w.unmet {
		w.needs = append(w.needs, r.gen.residual(ctx, name, w.in))
	}
}

func (r *Rechecker) mayRun(w *waiter) bool {
	for _, n := range w.needs {
		if n != nil && r.met(n, w.in) == no {
			return false
		}
	}
	return true
}

// truth is the answer of a residual.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

// met is the best of the alternatives, each of which is the worst of its parts.
func (r *Rechecker) met(n *residual, in *Input) truth {
	best := no
	for _, alt := range n.alternatives {
		worst := yes
		for i := range alt {
			if worst = min(worst, r.part(&alt[i], in)); worst == no {
				break
			}
		}
		if best = max(best, worst); best == yes {
			break
		}
	}
	return best
}

// part answers one comparison, and remembers the answer for as long as the
// section it reads is the same.
func (r *Rechecker) part(p *residualPart, in *Input) truth {
	if p.section < 0 {
		return maybe
	}
	sec := in.section(p.section)
	if was, ok := r.memo[p]; ok && was.section == sec {
		return was.answer
	}
	a := p.eval(sec)
	r.memo[p] = remembered{sec, a}
	return a
}

// A residual is one condition reduced to alternatives of comparisons.
type residual struct{ alternatives [][]residualPart }

// A residualPart compares one value of one section with a constant. section is
// negative for an expression that only OPA can evaluate.
type residualPart struct {
	section int
	path    ast.Ref // below the section
	op      string
	value   ast.Value
}

func (p *residualPart) eval(sec *ast.Term) truth {
	if sec == nil {
		return no
	}
	v, err := sec.Value.Find(p.path)
	if err != nil {
		return no
	}
	return compare(v, p.op, p.value)
}

// compare follows Rego on values of one type. Values of two types are ordered in
// Rego, too; a schema excludes them but for an administrator's own facts.
func compare(a ast.Value, op string, b ast.Value) truth {
	c := a.Compare(b)
	if op == "==" {
		return truthOf(c == 0)
	}
	if ast.ValueName(a) != ast.ValueName(b) {
		return maybe
	}
	switch op {
	case ">=":
		return truthOf(c >= 0)
	case ">":
		return truthOf(c > 0)
	case "<=":
		return truthOf(c <= 0)
	}
	return truthOf(c < 0)
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// shapes keeps the residuals of a generation: one for each condition and each
// set of known values that the policies read.
type shapes struct {
	mu   sync.Mutex
	byID map[string]*residual
}

// maxShapes bounds the memory of a generation; beyond it nothing is kept.
const maxShapes = 4096

// residual returns the residual of a condition for actions like in; nil when
// partial evaluation failed, so that only OPA can tell.
func (g *Generation) residual(ctx context.Context, condition string, in *Input) *residual {
	unknown := g.unknownFor(in)
	key := condition + g.shapeOf(in, unknown)
	g.shapes.mu.Lock()
	defer g.shapes.mu.Unlock()
	if r, ok := g.shapes.byID[key]; ok {
		return r
	}
	r := g.compileResidual(ctx, condition, in, unknown)
	if g.shapes.byID == nil || len(g.shapes.byID) >= maxShapes {
		g.shapes.byID = map[string]*residual{}
	}
	g.shapes.byID[key] = r
	return r
}

// unknownFor adds the moving values that in has; one that is absent stays so.
func (g *Generation) unknownFor(in *Input) []*ast.Term {
	out := slices.Clone(g.unknowns)
	for _, m := range moving {
		path, _ := inputPath(m.Value.(ast.Ref))
		if in.lookup(path) != nil {
			out = append(out, m)
		}
	}
	return out
}

// shapeOf renders what of the known part of in the policies read.
func (g *Generation) shapeOf(in *Input, unknown []*ast.Term) string {
	var b strings.Builder
	for _, path := range g.prog.reads {
		if slices.ContainsFunc(unknown, func(u *ast.Term) bool { return covers(u, path) }) {
			continue
		}
		b.WriteByte('\n')
		if t := in.lookup(path); t != nil {
			b.WriteString(t.String())
		}
	}
	b.WriteByte(byte(len(unknown)))
	return b.String()
}

func covers(unknown *ast.Term, path string) bool {
	u, _ := inputPath(unknown.Value.(ast.Ref))
	return path == u || strings.HasPrefix(path, u+".")
}

func (g *Generation) compileResidual(ctx context.Context, condition string, in *Input, unknown []*ast.Term) *residual {
	alts, err := g.alternatives(ctx, condition, in, unknown)
	if err != nil {
		return nil
	}
	r := &residual{}
	for _, a := range alts {
		parts := make([]residualPart, 0, len(a.parts))
		for _, c := range a.parts {
			parts = append(parts, compilePart(c))
		}
		r.alternatives = append(r.alternatives, parts)
	}
	return r
}

func compilePart(c comparison) residualPart {
	p := residualPart{section: -1, op: c.op}
	if c.path == "" {
		return p
	}
	name, _ := c.ref[1].Value.(ast.String)
	p.section, p.path, p.value = sectionIndex(string(name)), c.ref[2:], c.value.Value
	return p
}
