package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Check looks for forms that are legal Rego and dangerous or useless here:
// whatever lets silence mean yes is an error, the rest a warning or a note.
func (g *Generation) Check() []Diagnostic {
	var none diagnostics // they were parsed before
	mods := parseRules(g.tree.rules, &none)
	l := &linter{schema: g.schema, tainted: taintedArguments(mods), reads: newReadFinder(g.prog.compiler)}
	for _, name := range slices.Sorted(maps.Keys(mods)) {
		l.module(mods[name])
	}
	diags := slices.Concat(l.diags, g.untested(), g.warnings)
	if _, err := g.prog.newPlan(context.Background()); err != nil {
		diags = append(diags, Diagnostic{Severity: SeverityNote, Message: "the rules cannot be planned, so each decision takes several times as long: " + err.Error()})
	}
	sortDiagnostics(diags)
	return diags
}

// linter goes through the rules as they were written.
type linter struct {
	schema  *schema
	tainted map[string]map[int]bool // function → arguments that some caller gives an input
	reads   *readFinder
	diags   []Diagnostic
}

func (l *linter) add(loc *ast.Location, severity, msg, hint string) {
	l.diags = append(l.diags, Diagnostic{File: loc.File, Line: loc.Row, Column: loc.Col, Message: msg, Hint: hint, Severity: severity})
}

func (l *linter) module(m *ast.Module) {
	for _, r := range m.Rules {
		for ; r != nil; r = r.Else {
			l.rule(r, m)
		}
	}
}

// rule looks at one rule. What a local variable or an argument was given counts
// as what it was given from.
func (l *linter) rule(r *ast.Rule, m *ast.Module) {
	from := sources(r, l.tainted[m.Package.Path.String()+"."+string(r.Head.Name)])
	ast.WalkExprs(r, func(e *ast.Expr) bool {
		switch {
		case e.Negated && from.reads(e):
			l.add(e.Loc(), SeverityError, "negation of an input: an unknown fact would meet it", "state what must be known, as input.x == false")
		case e.Negated && l.asksInput(e, m):
			l.add(e.Loc(), SeverityError, "negation of a rule that reads an input: an unknown fact would meet it", "state what must be known in a rule of its own, and ask for that")
		case e.IsCall() && e.Operator().Equal(ast.NotEqual.Ref()) && from.reads(e):
			l.add(e.Loc(), SeverityError, "!= on an input", "name the values that are allowed with == or in")
		case from.isBare(e):
			l.add(e.Loc(), SeverityError, "an input taken as true or false: any value but false would meet it", "compare it with == true")
		case e.IsCall() && len(e.Operands()) == 2:
			l.literals(e)
		}
		return false
	})
	ast.WalkTerms(r, func(t *ast.Term) bool {
		switch t.Value.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			if from.reads(t) {
				l.add(t.Loc(), SeverityError, "a comprehension over an input is empty when the input is absent", "test lists with every x in input.list { … }")
				return true
			}
		}
		return false
	})
}

// asksInput tells whether an expression refers to a rule, of its own package or
// by its whole name, that reads an input.
func (l *linter) asksInput(e *ast.Expr, m *ast.Module) (found bool) {
	ast.WalkTerms(e, func(t *ast.Term) bool {
		var ref ast.Ref
		switch v := t.Value.(type) {
		case ast.Var:
			ref = append(slices.Clone(m.Package.Path), ast.StringTerm(string(v)))
		case ast.Ref:
			if ref = v.GroundPrefix(); len(ref) == 0 || !ref[0].Equal(ast.DefaultRootDocument) {
				return false
			}
		default:
			return false
		}
		for ; len(ref) > 1; ref = ref[:len(ref)-1] {
			found = found || len(l.reads.readsOf(ref).paths) > 0
		}
		return found
	})
	return found
}

// literals finds strings that the schema excludes: a comparison that can never
// hold is a misspelling.
func (l *linter) literals(e *ast.Expr) {
	a, b := e.Operand(0), e.Operand(1)
	if !isInput(a) {
		a, b = b, a
	}
	allowed := l.allowed(a)
	if allowed == nil {
		return
	}
	check := func(t *ast.Term) {
		if s, ok := t.Value.(ast.String); ok && !slices.Contains(allowed, string(s)) {
			l.add(e.Loc(), SeverityError, fmt.Sprintf("%s is never %q", a, string(s)), didYouMean(string(s), allowed, "it is one of: "+strings.Join(allowed, ", ")))
		}
	}
	switch list := b.Value.(type) {
	case ast.Set:
		list.Foreach(check)
	case *ast.Array:
		list.Foreach(check)
	default:
		check(b)
	}
}

func isInput(t *ast.Term) bool {
	r, ok := t.Value.(ast.Ref)
	return ok && len(r) > 1 && r[0].Equal(ast.InputRootDocument)
}

// allowed lists the strings that the schema names for an input, nil when it
// names none.
func (l *linter) allowed(t *ast.Term) []string {
	if !isInput(t) || l.schema == nil {
		return nil
	}
	var path []string
	for _, k := range t.Value.(ast.Ref)[1:] {
		name, _ := k.Value.(ast.String)
		path = append(path, string(name))
	}
	return l.schema.words(path...)
}

// variables are the local variables of a rule that hold an input or a part of
// one.
type variables map[ast.Var]bool

// sources follows assignments and iterations until no more variables turn up.
func sources(r *ast.Rule, arguments map[int]bool) variables {
	from := variables{}
	for i := range arguments {
		if i < len(r.Head.Args) {
			from.hold(r.Head.Args[i])
		}
	}
	for before := -1; before != len(from); {
		before = len(from)
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			switch t := e.Terms.(type) {
			case *ast.SomeDecl:
				from.iterates(t)
			case *ast.Every:
				if from.reads(t.Domain) {
					from.hold(t.Value)
				}
			default:
				if e.IsAssignment() || e.IsEquality() {
					from.assigns(e.Operand(0), e.Operand(1))
				}
			}
			return false
		})
	}
	return from
}

// iterates is for some x in input.list, and some k, x in input.list.
func (from variables) iterates(d *ast.SomeDecl) {
	for _, s := range d.Symbols {
		call, ok := s.Value.(ast.Call)
		if !ok || len(call) < 3 || !from.reads(call[len(call)-1]) {
			continue
		}
		for _, t := range call[1 : len(call)-1] {
			from.hold(t)
		}
	}
}

func (from variables) assigns(to, value *ast.Term) {
	if to != nil && value != nil && isPart(value) && from.reads(value) {
		from.hold(to)
	}
}

// isPart tells a reference or a variable from what was computed: 2 * input.x is
// undefined where the input is, and so is every comparison with it.
func isPart(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.Ref, ast.Var:
		return true
	}
	return false
}

func (from variables) hold(t *ast.Term) {
	if t == nil {
		return
	}
	if v, ok := t.Value.(ast.Var); ok && !v.IsWildcard() {
		from[v] = true
	}
}

// reads tells whether anything in x is an input or came from one.
func (from variables) reads(x any) (found bool) {
	ast.WalkTerms(x, func(t *ast.Term) bool {
		if v, ok := t.Value.(ast.Var); ok {
			found = found || from[v] || ast.InputRootDocument.Value.Compare(v) == 0
		}
		return found
	})
	return found
}

// isBare tells an expression that is nothing but an input.
func (from variables) isBare(e *ast.Expr) bool {
	t, ok := e.Terms.(*ast.Term)
	if !ok || e.Negated {
		return false
	}
	switch v := t.Value.(type) {
	case ast.Ref:
		head, ok := v[0].Value.(ast.Var)
		return ok && len(v) > 1 && (from[head] || v[0].Equal(ast.InputRootDocument))
	case ast.Var:
		return from[v]
	}
	return false
}

// taintedArguments finds which arguments of which functions are given an input
// by a caller anywhere.
func taintedArguments(mods map[string]*ast.Module) map[string]map[int]bool {
	out := map[string]map[int]bool{}
	for _, m := range mods {
		for _, r := range m.Rules {
			from := sources(r, nil)
			ast.WalkTerms(r, func(t *ast.Term) bool {
				if call, ok := t.Value.(ast.Call); ok {
					from.given(m, call, out)
				}
				return false
			})
			ast.WalkExprs(r, func(e *ast.Expr) bool {
				if terms, ok := e.Terms.([]*ast.Term); ok {
					from.given(m, terms, out)
				}
				return false
			})
		}
	}
	return out
}

func (from variables) given(m *ast.Module, call []*ast.Term, out map[string]map[int]bool) {
	name := call[0].String()
	if !strings.HasPrefix(name, "data.") {
		name = m.Package.Path.String() + "." + name
	}
	for i, arg := range call[1:] {
		if !isPart(arg) || !from.reads(arg) {
			continue
		}
		if out[name] == nil {
			out[name] = map[int]bool{}
		}
		out[name][i] = true
	}
}

// untested notes the administrator's conditions that no *_test.rego names. The
// shipped ones have their tests in lull's own repository.
func (g *Generation) untested() (diags []Diagnostic) {
	lowest := ""
	if len(g.tree.files) > 0 {
		lowest = g.tree.files[0].layer + "/"
	}
	for _, c := range g.conditions {
		named := slices.ContainsFunc(g.tree.tests, func(f file) bool { return strings.Contains(string(f.content), `"`+c.Name+`"`) })
		if !named && !strings.HasPrefix(c.File, lowest) {
			diags = append(diags, Diagnostic{File: c.File, Line: c.Line, Column: 1, Severity: SeverityNote,
				Message: fmt.Sprintf("no test names the condition %q", c.Name), Hint: "add a *_test.rego beside it; lull policy test runs it"})
		}
	}
	return diags
}

// An Uncompiled is a condition of which re-checks must ask OPA itself, because
// an expression of it is no plain comparison.
type Uncompiled struct {
	Condition string   `json:"condition"`
	Kinds     []string `json:"kinds"` // of actions for which it is so
	Because   string   `json:"because"`
}

// Uncompiled lists them. It asks what is left of each condition for made-up
// actions of each kind.
func (g *Generation) Uncompiled(ctx context.Context) []Uncompiled {
	byName := map[string]*Uncompiled{}
	ctx = context.WithValue(ctx, leisure{}, probeDeadline) // what is slow on a busy machine is no finding
	for _, kind := range g.schema.kinds() {
		for _, c := range g.conditions {
			why := cmpOr(g.opaque(ctx, c.Name, g.sample(c.Name, kind, true)), g.opaque(ctx, c.Name, g.sample(c.Name, kind, false)))
			if why == "" {
				continue
			}
			if byName[c.Name] == nil {
				byName[c.Name] = &Uncompiled{Condition: c.Name, Because: why}
			}
			byName[c.Name].Kinds = append(byName[c.Name].Kinds, kind)
		}
	}
	out := []Uncompiled{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, *byName[name])
	}
	return out
}

// sample is an action of a kind that has a value for all that the condition reads
// of it, of the type that the schema names; truths are all the same.
func (g *Generation) sample(condition, kind string, truth bool) *Input {
	in := &Input{}
	for _, path := range g.prog.conditions[condition].known {
		value := ast.NumberTerm("1")
		switch words := g.schema.words(splitPath(path)...); g.schema.kindOf(path) {
		case "boolean":
			value = ast.BooleanTerm(truth)
		case "string":
			value = ast.StringTerm(append(words, "x")[0])
		case "array":
			value = ast.NewTerm(ast.NewArray())
		case "object":
			continue
		}
		if next := in.with(path, value); next != nil {
			in = next
		}
	}
	if next := in.with("action.kind", ast.StringTerm(kind)); next != nil {
		in = next
	}
	return in
}

// opaque is the first expression of a condition that is no plain comparison.
func (g *Generation) opaque(ctx context.Context, condition string, in *Input) string {
	r := g.residual(ctx, condition, in)
	if r == nil {
		return "partial evaluation fails"
	}
	for _, a := range r.source {
		for _, c := range a.parts {
			if c.path == "" {
				return c.words()
			}
		}
	}
	return ""
}
