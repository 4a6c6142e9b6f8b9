package engine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// foldNumbers puts the numbers of data, which are the thresholds, into the rules
// that name them: data never changes within a generation, and the evaluator takes
// twice as long to compare a fact with a threshold that it has to look up. A rule
// that replaces data by `with` would no longer be asked, so then all stays as it
// is written.
func foldNumbers(mods map[string]*ast.Module, data dataCache) {
	for _, m := range mods {
		if replacesData(m) {
			return
		}
	}
	for _, m := range mods {
		for _, r := range m.Rules {
			ast.WalkRules(r, func(r *ast.Rule) bool {
				foldBody(r.Body, data)
				foldTerm(r.Head.Value, data)
				return false
			})
		}
	}
}

func replacesData(m *ast.Module) (found bool) {
	ast.WalkWiths(m, func(w *ast.With) bool {
		ref, ok := w.Target.Value.(ast.Ref)
		found = found || !ok || !ref.HasPrefix(ast.InputRootRef)
		return found
	})
	return found
}

func foldBody(b ast.Body, data dataCache) {
	ast.WalkTerms(b, func(t *ast.Term) bool {
		foldTerm(t, data)
		return false
	})
}

// foldTerm replaces a reference in its place. What is not there, or is no number,
// stays a reference.
func foldTerm(t *ast.Term, data dataCache) {
	if t == nil {
		return
	}
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) < 2 || !ref[0].Equal(ast.DefaultRootDocument) || !ref.IsGround() {
		return
	}
	if n, ok := data.Get(ref).(ast.Number); ok {
		t.Value = n
	}
}
