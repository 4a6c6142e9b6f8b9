package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// ruleReads are the inputs that a rule reads, itself and through all that it
// refers to. A path that is computed counts as the whole subtree above it.
type ruleReads struct {
	paths     map[string]bool // below input, dotted; "" is all of it
	overrides bool            // something in it replaces an input by `with`
}

// A readFinder works out the reads of rules, each once, along the compiler's graph.
type readFinder struct {
	compiler *ast.Compiler
	memo     map[*ast.Rule]*ruleReads
}

func newReadFinder(c *ast.Compiler) *readFinder {
	return &readFinder{compiler: c, memo: map[*ast.Rule]*ruleReads{}}
}

// reads follows one rule. What its else branches refer to, the graph has as
// dependencies of the branches.
func (rd *readFinder) reads(r *ast.Rule) *ruleReads {
	if got, ok := rd.memo[r]; ok {
		return got
	}
	got := &ruleReads{paths: map[string]bool{}}
	rd.memo[r] = got // rules do not refer to themselves, which the compiler has checked
	got.direct(r)
	if r.Else != nil {
		got.add(rd.reads(r.Else))
	}
	for dep := range rd.compiler.Graph.Dependencies(r) {
		if rule, ok := dep.(*ast.Rule); ok {
			got.add(rd.reads(rule))
		}
	}
	return got
}

// readsOf are the reads of all rules of one document.
func (rd *readFinder) readsOf(document ast.Ref) *ruleReads {
	got := &ruleReads{paths: map[string]bool{}}
	for _, r := range rd.compiler.GetRulesExact(document) {
		got.add(rd.reads(r))
	}
	return got
}

func (got *ruleReads) add(more *ruleReads) {
	maps.Copy(got.paths, more.paths)
	got.overrides = got.overrides || more.overrides
}

// sorted lists the paths without those that a shorter one covers.
func (got *ruleReads) sorted() []string { return minimalPaths(slices.Sorted(maps.Keys(got.paths))) }

// direct collects what stands in the rule itself, else branches left out.
func (got *ruleReads) direct(rule *ast.Rule) {
	var v *ast.GenericVisitor
	v = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Rule:
			return x != rule
		case *ast.With:
			got.overrides = true
		case ast.Ref:
			path, ok := inputPath(x)
			if !ok {
				return false
			}
			got.paths[path] = true
			for _, t := range x[1:] {
				v.Walk(t)
			}
			return true
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				got.paths[""] = true
			}
		}
		return false
	})
	v.Walk(rule)
}

// conditionReads is what one condition reads, split by whether it can change
// while an action waits.
type conditionReads struct {
	unknown []*ast.Term // for partial evaluation
	known   []string
}

// readsOfConditions splits the reads of each condition. The fewer inputs are
// unknown, the cheaper is partial evaluation, and the fewer are known, the more
// actions share a residual.
func (rd *readFinder) readsOfConditions() map[string]conditionReads {
	all := map[string]*ruleReads{}
	for _, m := range rd.compiler.Modules {
		if m.Package.Path.String() != policyPackage {
			continue
		}
		for _, r := range m.Rules {
			name, ok := conditionName(r)
			if !ok || !isMetRule(r) {
				continue
			}
			if all[name] == nil {
				all[name] = &ruleReads{paths: map[string]bool{}}
			}
			all[name].add(rd.reads(r))
		}
	}
	out := make(map[string]conditionReads, len(all))
	for name, got := range all {
		paths := got.sorted()
		if slices.Contains(paths, "") {
			paths = sectionKeys
		}
		c := conditionReads{unknown: volatileReads(paths)}
		c.known = knownReads(paths, c.unknown)
		out[name] = c
	}
	return out
}

// comparisons are those of an input with a constant, or with a value of data,
// in the rules of a condition and all that they refer to, in the order in which
// they stand there.
func (p *program) comparisons(condition string) (out []comparison) {
	seen := map[*ast.Rule]bool{}
	var visit func(r *ast.Rule)
	visit = func(r *ast.Rule) {
		if r == nil || seen[r] {
			return
		}
		seen[r] = true
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			if e.IsCall() && len(e.Operands()) == 2 {
				plain := e.Copy()
				plain.Negated = false
				for i := range 2 {
					if v := p.constant(plain.Operand(i)); v != nil {
						plain.Terms.([]*ast.Term)[i+1] = ast.NewTerm(v)
					}
				}
				if c := readComparison(plain); c.path != "" {
					out = append(out, c)
				}
			}
			return false
		})
		visit(r.Else)
		for _, dep := range slices.SortedFunc(maps.Keys(p.compiler.Graph.Dependencies(r)), byPlace) {
			if rule, ok := dep.(*ast.Rule); ok {
				visit(rule)
			}
		}
	}
	for _, r := range p.compiler.GetRulesExact(ast.MustParseRef(policyPackage + ".met")) {
		if name, _ := conditionName(r); name == condition {
			visit(r)
		}
	}
	return out
}

// constant is the value that a reference to data has whatever the input.
func (p *program) constant(t *ast.Term) ast.Value {
	ref, ok := t.Value.(ast.Ref)
	if !ok || !ref.IsGround() || !ref[0].Equal(ast.DefaultRootDocument) {
		return nil
	}
	return p.data.Get(ref)
}

func byPlace(a, b util.T) int {
	ra, ok1 := a.(*ast.Rule)
	rb, ok2 := b.(*ast.Rule)
	if !ok1 || !ok2 || ra.Location == nil || rb.Location == nil {
		return 0
	}
	return ra.Location.Compare(rb.Location)
}

func splitPath(path string) []string { return strings.Split(path, ".") }

// overlaps tells whether reading one of the paths may read input.PATH.
func overlaps(paths []string, path string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return p == path || strings.HasPrefix(path, p+".") || strings.HasPrefix(p, path+".")
	})
}
