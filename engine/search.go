package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A searcher finds the changes that make an action run. Where a condition is
// plain comparisons they tell what to change; where it is not, values from the
// rules and the schema are tried out on the policy itself.
type searcher struct {
	g        *Generation
	deadline time.Duration // of one evaluation
	tries    int           // evaluations left
}

// maxTries bounds the evaluations that one explanation spends on conditions
// that partial evaluation cannot see through.
const maxTries = 600

// maxRounds is how often changes that undo each other are worked over.
const maxRounds = 3

// smallest applies the cheapest alternatives together, checks by deciding that
// the verdict becomes run, and drops every change without which it still does.
// Otherwise it names the conditions that stay in the way.
func (s *searcher) smallest(ctx context.Context, in *Input, cheapest map[string][]comparison) (changes []Change, stuck []string) {
	for _, name := range slices.Sorted(maps.Keys(cheapest)) {
		for _, c := range cheapest[name] {
			changes = merge(changes, changeOf(c))
		}
	}
	d := s.decide(ctx, in, changes)
	for round := 0; d.Verdict != Run && round < maxRounds; round++ {
		if changes = s.workOver(ctx, in, changes, d); changes == nil {
			break
		}
		d = s.decide(ctx, in, changes)
	}
	if d.Verdict != Run && d.Error != "" {
		return nil, slices.Sorted(maps.Keys(cheapest))
	}
	if d.Verdict != Run {
		return nil, slices.Concat(d.DeniedBy, d.WaitsFor)
	}
	for i := 0; i < len(changes); {
		fewer := slices.Delete(slices.Clone(changes), i, i+1)
		if s.decide(ctx, in, fewer).Verdict == Run {
			changes, i = fewer, 0 // without it, one that was needed before may not be
		} else {
			i++
		}
	}
	return changes, nil
}

// workOver adds what the conditions that are left need beside the changes made
// already; nil when one of them cannot be cleared.
func (s *searcher) workOver(ctx context.Context, in *Input, changes []Change, d Decision) []Change {
	for _, name := range slices.Concat(d.DeniedBy, d.WaitsFor) {
		then := in.changed(changes)
		if then == nil {
			return nil // two of them want one inside the other
		}
		_, parts := s.g.explainOne(ctx, name, then)
		if parts == nil {
			parts = s.search(ctx, name, then)
		}
		if parts == nil {
			return nil
		}
		for _, c := range parts {
			changes = replaced(changes, changeOf(c))
		}
	}
	return changes
}

func changeOf(c comparison) Change {
	return Change{Path: c.path, Op: c.op, Value: c.value.String(), term: satisfying(c)}
}

// replaced sets a change, whatever was wanted of its path before.
func replaced(list []Change, c Change) []Change {
	list = slices.DeleteFunc(slices.Clone(list), func(o Change) bool { return o.Path == c.Path })
	return append(list, c)
}

// changed returns the input with changes applied; nil when one cannot be.
func (in *Input) changed(changes []Change) *Input {
	for _, c := range changes {
		if in = in.with(c.Path, c.term); in == nil {
			return nil
		}
	}
	return in
}

func (s *searcher) decide(ctx context.Context, in *Input, changes []Change) Decision {
	if in = in.changed(changes); in == nil {
		return failure(PolicyError, "a change cannot be applied")
	}
	return s.g.decide(ctx, in, s.deadline)
}

// A trial sets one input to a value.
type trial struct {
	path  string
	value *ast.Term
}

// search looks for one or two inputs that meet the condition, as equalities; nil
// when it finds none. What the plain comparisons of an alternative ask for is
// applied first.
func (s *searcher) search(ctx context.Context, condition string, in *Input) []comparison {
	trials := s.trials(condition, in)
	bases := [][]trial{nil}
	if alts, ok := s.g.ways(ctx, condition, in); ok {
		for _, a := range alts {
			plain := slices.DeleteFunc(a.unmetParts(in), func(c comparison) bool { return c.path == "" })
			if wanted := reconciled(a.parts, plain); a.opaque && len(wanted) > 0 && !a.aboutMeta() {
				base := make([]trial, 0, len(wanted))
				for _, c := range wanted {
					base = append(base, trial{c.path, satisfying(c)})
				}
				bases = append(bases, base)
			}
		}
	}
	for _, base := range bases[1:] {
		if s.meets(ctx, condition, in, base) {
			return equalities(base)
		}
	}
	for _, base := range bases {
		for _, one := range trials {
			if set := with(base, one); s.meets(ctx, condition, in, set) {
				return equalities(set)
			}
		}
	}
	for i, one := range trials {
		for _, two := range trials[i+1:] {
			if one.path == two.path {
				continue
			}
			if set := []trial{one, two}; s.meets(ctx, condition, in, set) {
				return equalities(set)
			}
		}
	}
	return nil
}

// with adds a trial to a base, whose value for the same path it replaces.
func with(base []trial, one trial) []trial {
	out := slices.DeleteFunc(slices.Clone(base), func(t trial) bool { return t.path == one.path })
	return append(out, one)
}

func equalities(set []trial) []comparison {
	out := make([]comparison, 0, len(set))
	for _, t := range set {
		out = append(out, comparison{path: t.path, ref: pathRef(t.path), op: "==", value: t.value, text: t.path + " == " + t.value.String()})
	}
	return out
}

// meets asks OPA whether the condition is met with some inputs set.
func (s *searcher) meets(ctx context.Context, condition string, in *Input, set []trial) bool {
	if s.tries <= 0 {
		return false
	}
	s.tries--
	for _, t := range set {
		if in = in.with(t.path, t.value); in == nil {
			return false
		}
	}
	query := ast.NewBody(ast.Equality.Expr(ast.NewTerm(answer), metQuery(condition)[0].Terms.(*ast.Term)))
	t, err := s.g.prog.eval(ctx, query, in, s.deadline)
	if err != nil {
		s.tries = 0 // a rule that fails or runs away is not asked six hundred times
	}
	return err == nil && t != nil
}

// trials are values worth trying for each input that the condition reads and
// that can change: those that its rules compare with, those that the schema
// names, and the plain ones of the type. Inputs that a rule compares come first.
func (s *searcher) trials(condition string, in *Input) []trial {
	var out []trial
	add := func(path string, values ...*ast.Term) {
		now := in.lookup(path)
		for _, v := range values {
			same := func(t trial) bool { return t.path == path && t.value.Equal(v) }
			if (now == nil || !now.Equal(v) && ast.ValueName(now.Value) == ast.ValueName(v.Value)) && !slices.ContainsFunc(out, same) {
				out = append(out, trial{path, v})
			}
		}
	}
	reads := s.g.prog.conditions[condition]
	for _, c := range s.g.prog.comparisons(condition) {
		if slices.ContainsFunc(reads.unknown, func(u *ast.Term) bool { return covers(u, c.path) }) {
			add(c.path, around(c)...)
		}
	}
	for _, u := range reads.unknown {
		path, _ := inputPath(u.Value.(ast.Ref))
		if path == "meta" {
			continue // why a fact is unknown is nothing that anybody can change
		}
		add(path, ast.BooleanTerm(true), ast.BooleanTerm(false), ast.NewTerm(ast.NewArray()))
		for _, w := range s.g.schema.words(splitPath(path)...) {
			add(path, ast.StringTerm(w))
		}
		add(path, wholeTerm(0), wholeTerm(1), wholeTerm(1e12))
	}
	return out
}
