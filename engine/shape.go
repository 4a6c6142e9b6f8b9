package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// truth is the answer of a residual.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

// met is the best of the alternatives, each of which is the worst of its parts.
func (n *residual) met(in *Input) truth {
	return n.metBy(func(p *residualPart) truth { return p.truth(in) })
}

// metBy is met with the truth of each part as given.
func (n *residual) metBy(truth func(*residualPart) truth) truth {
	best := no
	for _, alt := range n.alternatives {
		worst := yes
		for _, p := range alt {
			if worst = min(worst, truth(p)); worst == no {
				break
			}
		}
		if best = max(best, worst); best == yes {
			break
		}
	}
	return best
}

func (p *residualPart) truth(in *Input) truth {
	if p.section < 0 {
		return maybe
	}
	return p.eval(in.section(p.section))
}

// A residual is one condition reduced to alternatives of comparisons.
type residual struct {
	alternatives [][]*residualPart
	source       []alternative // the same, for people
}

// A residualPart compares one value of one section with a constant. section is
// negative for what only OPA can evaluate: all such expressions of an alternative
// are one part, since they may share variables.
type residualPart struct {
	id      uint64 // the same for parts that ask the same, else unique in this process
	section int
	path    ast.Ref // below the section
	comparison
	body     ast.Body // for OPA; nil where it is no query of its own
	sections []int    // that body reads
	moves    bool     // body reads what time changes of the action itself
	once     sync.Once
	query    ast.Body // body, compiled when first asked
}

func (p *residualPart) eval(sec *ast.Term) truth {
	if sec == nil {
		return no
	}
	v, err := sec.Value.Find(p.path)
	if err != nil {
		return no
	}
	return p.compare(v)
}

// compare follows Rego on values of one type. Values of two types are ordered in
// Rego, too; a schema excludes them but for an administrator's own facts.
func compare(a ast.Value, op string, b ast.Value) truth {
	if op == "in" {
		return contains(b, a)
	}
	c := a.Compare(b)
	switch op {
	case "==":
		return truthOf(c == 0)
	case "!=":
		return truthOf(c != 0)
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

// contains tells whether a constant collection holds v.
func contains(collection, v ast.Value) truth {
	switch list := collection.(type) {
	case ast.Set:
		return truthOf(list.Contains(ast.NewTerm(v)))
	case *ast.Array:
		return truthOf(list.Until(func(e *ast.Term) bool { return e.Value.Compare(v) == 0 }))
	}
	return maybe // an object's values: rare enough to leave to OPA
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
	ids  map[string]uint64 // what a part asks → its id
	late map[string]int    // how often partial evaluation came too late
}

// maxShapes bounds the memory of a generation; beyond it nothing is kept.
const maxShapes = 4096

// residual returns the residual of a condition for actions like in; nil when
// partial evaluation failed, so that only OPA can tell.
func (g *Generation) residual(ctx context.Context, condition string, in *Input) *residual {
	return g.kept(ctx, condition, in, true)
}

// ways returns the alternatives of a condition for an action as it is at this
// moment, deadline and waiting time worked in. They come from the residual that
// serves all actions of the shape; where that leaves something only OPA can
// tell, the moment is worked in by partial evaluation, which may see through it.
// A nil slice with false: it cannot be compiled.
func (g *Generation) ways(ctx context.Context, condition string, in *Input) ([]alternative, bool) {
	var r *residual
	if !g.moves(condition, in) || g.isKept(condition, in) {
		r = g.residual(ctx, condition, in)
	}
	if r != nil && !slices.ContainsFunc(r.source, func(a alternative) bool { return a.opaque }) {
		return settled(r.source, in), true
	}
	if r = g.kept(ctx, condition, in, false); r == nil {
		return nil, false
	}
	return r.source, true
}

// moves tells whether the condition reads anything that only the passing of
// time changes.
func (g *Generation) moves(condition string, in *Input) bool {
	reads := g.prog.conditions[condition]
	return len(reads.unknownFor(in)) > len(reads.unknown)
}

// isKept tells whether the residual that serves all actions of the shape is there
// already; a first explanation does not make it only to find it opaque.
func (g *Generation) isKept(condition string, in *Input) bool {
	key := g.shapeKey(condition, in, true)
	g.shapes.mu.Lock()
	defer g.shapes.mu.Unlock()
	_, ok := g.shapes.byID[key]
	return ok
}

func (g *Generation) shapeKey(condition string, in *Input, moved bool) string {
	key := condition + g.prog.conditions[condition].shapeOf(in, moved)
	if moved {
		key += "?"
	}
	return key
}

// settled answers the parts that only the passing of time changes.
func settled(alts []alternative, in *Input) []alternative {
	var out []alternative
next:
	for _, a := range alts {
		left := alternative{parts: make([]comparison, 0, len(a.parts))}
		for _, c := range a.parts {
			switch {
			case !slices.Contains(movingPaths, c.path):
				left.parts = append(left.parts, c)
			case !c.holds(in):
				continue next
			}
		}
		out = append(out, left)
	}
	return out
}

// kept returns the residual with what moves unknown or not, made once for each
// shape.
func (g *Generation) kept(ctx context.Context, condition string, in *Input, moved bool) *residual {
	reads, key := g.prog.conditions[condition], g.shapeKey(condition, in, moved)
	g.shapes.mu.Lock()
	defer g.shapes.mu.Unlock()
	if r, ok := g.shapes.byID[key]; ok {
		return r
	}
	if g.shapes.byID == nil || len(g.shapes.byID) >= maxShapes {
		g.shapes.byID, g.shapes.ids, g.shapes.late = map[string]*residual{}, map[string]uint64{}, map[string]int{}
	}
	unknown := reads.unknown
	if moved {
		unknown = reads.unknownFor(in)
	}
	r, err := g.compileResidual(ctx, condition, in, unknown)
	if topdown.IsCancel(err) && (ctx.Err() != nil || g.shapes.late[key] < maxLate) {
		if ctx.Err() == nil {
			g.shapes.late[key]++
		}
		return nil // who asked has gone, or the machine was busy: it says nothing of the condition
	}
	g.shapes.byID[key] = r
	return r
}

// maxLate is how often a partial evaluation may come too late before the condition
// counts as one that cannot be compiled: a rule that runs away takes its whole
// time at each look.
const maxLate = 3

// unknownFor adds the moving values that in has; one that is absent stays so.
func (c conditionReads) unknownFor(in *Input) []*ast.Term {
	out := slices.Clone(c.unknown)
	for i, path := range movingPaths {
		if overlaps(c.known, path) && in.lookup(path) != nil {
			out = append(out, moving[i])
		}
	}
	return out
}

// shapeOf renders what of the known part of in the condition reads.
func (c conditionReads) shapeOf(in *Input, moved bool) string {
	var b strings.Builder
	for _, path := range c.known {
		t := in.lookup(path)
		b.WriteByte('\n')
		switch {
		case t == nil:
		case moved && slices.Contains(movingPaths, path):
			b.WriteByte('?')
		default:
			b.WriteString(t.String())
		}
	}
	return b.String()
}

// knownReads are the reads that are known when a condition is compiled.
func knownReads(reads []string, unknown []*ast.Term) []string {
	return slices.DeleteFunc(slices.Clone(reads), func(path string) bool {
		return slices.ContainsFunc(unknown, func(u *ast.Term) bool { return covers(u, path) })
	})
}

func covers(unknown *ast.Term, path string) bool {
	u, _ := inputPath(unknown.Value.(ast.Ref))
	return path == u || strings.HasPrefix(path, u+".")
}

func (g *Generation) compileResidual(ctx context.Context, condition string, in *Input, unknown []*ast.Term) (*residual, error) {
	alts, err := g.alternatives(ctx, condition, in, unknown)
	if err != nil {
		return nil, err
	}
	r := &residual{source: alts}
	for _, a := range alts {
		parts := make([]*residualPart, 0, len(a.parts))
		var opaque *residualPart
		for _, c := range a.parts {
			p := compilePart(c)
			switch {
			case c.expr == nil:
				parts = append(parts, p)
			case opaque == nil:
				opaque = p
				fallthrough
			default:
				opaque.body.Append(c.expr)
			}
		}
		if opaque != nil {
			opaque.sections, opaque.moves = g.sectionsOf(opaque.body)
			if opaque.sections == nil || slices.ContainsFunc(opaque.body, isBare) {
				opaque.body = nil
			}
			parts = append(parts, opaque) // the comparisons before it are cheaper
		}
		for _, p := range parts {
			p.id = g.shapes.idOf(p)
		}
		r.alternatives = append(r.alternatives, parts)
	}
	return r, nil
}

// isBare tells an expression that is nothing but a reference. Partial evaluation
// of OPA 1.22 leaves one of x == x, where it says that x is known, and of x, where
// it says that x is not false.
func isBare(e *ast.Expr) bool {
	_, ok := e.Terms.(*ast.Term)
	return ok
}

// sectionsOf lists the sections of the input that a query reads, also through
// rules; nil where that cannot be said, or the query is about rules that partial
// evaluation has made. It also tells whether time changes what the query reads of
// the action itself.
func (g *Generation) sectionsOf(body ast.Body) (out []int, moves bool) {
	out, sure := []int{}, true
	add := func(path string) {
		moves = moves || slices.ContainsFunc(ownTime, func(t string) bool { return overlaps([]string{path}, t) })
		name, _, _ := strings.Cut(path, ".")
		if i := sectionIndex(name); i < 0 {
			sure = false
		} else if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	var v *ast.GenericVisitor
	v = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Ref:
			if path, ok := inputPath(x); ok {
				add(path)
			} else if x[0].Equal(ast.DefaultRootDocument) {
				if x.HasPrefix(partialNamespace) || len(x) < 3 {
					sure = false
				}
				for ref := x.GroundPrefix(); len(ref) > 1; ref = ref[:len(ref)-1] {
					for path := range g.prog.finder.readsOf(ref).paths {
						add(path)
					}
				}
			}
			for _, t := range x[1:] {
				v.Walk(t)
			}
			return true
		case ast.Var:
			sure = sure && !x.Equal(ast.InputRootDocument.Value)
		}
		return false
	})
	v.Walk(body)
	if !sure {
		return nil, moves
	}
	return out, moves
}

// partialNamespace is where partial evaluation puts rules of its own.
var partialNamespace = ast.MustParseRef("data.partial")

// ask has OPA evaluate the part that no comparison can tell.
func (p *residualPart) ask(ctx context.Context, g *Generation, in *Input) truth {
	if p.body == nil {
		return maybe
	}
	p.once.Do(func() {
		// What partial evaluation leaves still has to be rewritten: an every over
		// an input, for one, is evaluated over a variable only.
		if q, err := g.prog.compiler.QueryCompiler().Compile(p.body.Copy()); err == nil {
			p.query = q
		}
	})
	if p.query == nil {
		return maybe
	}
	found, err := g.prog.holds(ctx, p.query, in, residualDeadline)
	if err != nil {
		return maybe
	}
	return truthOf(found)
}

// idOf is the same for parts of different actions that ask the same, so that
// those actions form one group.
func (s *shapes) idOf(p *residualPart) uint64 {
	asks := p.text
	if p.body != nil {
		asks = p.body.String()
	} else if p.section < 0 || p.whole {
		return partIDs.Add(1)
	}
	id, known := s.ids[asks]
	if !known {
		id = partIDs.Add(1)
		s.ids[asks] = id
	}
	return id
}

// partIDs numbers the parts of all residuals.
var partIDs atomic.Uint64

func compilePart(c comparison) *residualPart {
	p := &residualPart{section: -1, comparison: c}
	if c.path == "" {
		return p
	}
	name, _ := c.ref[1].Value.(ast.String)
	p.section, p.path = sectionIndex(string(name)), c.ref[2:]
	return p
}
