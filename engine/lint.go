package engine

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Check looks for forms that are legal Rego and dangerous or useless here:
// whatever lets silence mean yes is an error, the rest a warning or a note.
func (g *Generation) Check() []Diagnostic {
	var diags []Diagnostic
	for _, name := range slices.Sorted(maps.Keys(g.prog.modules)) {
		diags = append(diags, lintModule(g.prog.modules[name])...)
	}
	diags = append(diags, g.warnings...)
	sortDiagnostics(diags)
	return diags
}

func lintModule(m *ast.Module) (diags []Diagnostic) {
	add := func(loc *ast.Location, msg, hint string) {
		diags = append(diags, Diagnostic{File: loc.File, Line: loc.Row, Column: loc.Col, Message: msg, Hint: hint, Severity: SeverityError})
	}
	ast.WalkExprs(m, func(e *ast.Expr) bool {
		switch {
		case e.Negated && readsInput(e):
			add(e.Loc(), "negation of an input: an unknown fact would meet it", "state what must be known, as input.x == false")
		case e.IsCall() && e.Operator().Equal(ast.NotEqual.Ref()) && readsInput(e):
			add(e.Loc(), "!= on an input", "name the values that are allowed with == or in")
		case isBareInput(e):
			add(e.Loc(), "an input taken as true or false: any value but false would meet it", "compare it with == true")
		}
		return false
	})
	ast.WalkTerms(m, func(t *ast.Term) bool {
		switch t.Value.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			if readsInput(t) {
				add(t.Loc(), "a comprehension over an input is empty when the input is absent", "test lists with every x in input.list { … }")
				return true
			}
		}
		return false
	})
	return diags
}

func readsInput(x any) (found bool) {
	ast.WalkRefs(x, func(r ast.Ref) bool {
		found = found || len(r) > 0 && r[0].Equal(ast.InputRootDocument)
		return found
	})
	return found
}

func isBareInput(e *ast.Expr) bool {
	t, ok := e.Terms.(*ast.Term)
	if !ok {
		return false
	}
	r, ok := t.Value.(ast.Ref)
	return ok && len(r) > 1 && r[0].Equal(ast.InputRootDocument)
}
