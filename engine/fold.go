package engine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// foldNumbers puts the numbers of data, which are the thresholds, into the rules
// that name them: data never changes within a generation, and the evaluator takes
// twice as long to compare a fact with a threshold that it has to look up. A rule
// that replaces data by `with` would no longer be asked, so then all stays as it
// is written. What it returns puts the names back.
func foldNumbers(mods map[string]*ast.Module, data dataCache) (asWritten func()) {
	var f folder
	for _, m := range mods {
		if replacesData(m) {
			return f.restore
		}
	}
	for _, m := range mods {
		for _, r := range m.Rules {
			ast.WalkRules(r, func(r *ast.Rule) bool {
				f.body(r.Body, data)
				f.term(r.Head.Value, data)
				return false
			})
		}
	}
	return f.restore
}

// A folder remembers what it replaced.
type folder struct {
	terms []*ast.Term
	refs  []ast.Ref
}

func (f *folder) restore() {
	for i, t := range f.terms {
		t.Value = f.refs[i]
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

func (f *folder) body(b ast.Body, data dataCache) {
	ast.WalkTerms(b, func(t *ast.Term) bool {
		f.term(t, data)
		return false
	})
}

// term replaces a reference in its place. What is not there, or is no number,
// stays a reference.
func (f *folder) term(t *ast.Term, data dataCache) {
	if t == nil {
		return
	}
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) < 2 || !ref[0].Equal(ast.DefaultRootDocument) || !ref.IsGround() {
		return
	}
	if n, ok := data.Get(ref).(ast.Number); ok {
		f.terms, f.refs = append(f.terms, t), append(f.refs, ref)
		t.Value = n
	}
}
