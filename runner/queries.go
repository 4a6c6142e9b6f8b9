package runner

import (
	"slices"

	"github.com/lullhq/lull/trust"
)

// manifestOf returns the manifest in force of a registered updater, nil when
// its package cannot be loaded from the store.
func (r *Runner) manifestOf(u *updater) *trust.Manifest {
	if pkg := r.packages[u.Updater]; pkg != nil {
		return pkg.Manifest
	}
	return nil
}

// runningSection lists what runs now, other than the action asked about.
// Frozen work counts: it still holds its files and its place.
func (r *Runner) runningSection(not subject) []any {
	list := []any{}
	for _, a := range r.active.list() {
		if a.subject == not {
			continue
		}
		exclusive := false
		if pkg := r.packages[a.Updater]; pkg != nil {
			exclusive = specOf(pkg.Manifest, a.Action).exclusive
		}
		list = append(list, map[string]any{"updater": a.Updater, "kind": a.Action, "exclusive": exclusive})
	}
	return list
}

// honorsDeadlines reports whether the administrator lets the package's vendor
// set deadlines.
func (r *Runner) honorsDeadlines(pkg *trust.Package) bool {
	scope, err := r.trust.ScopeOf(pkg)
	return err == nil && scope.HonorDeadlines
}

// binding is what states the artifacts of an updater: BindingNone where nobody
// vouches for it any more.
func (r *Runner) binding(updater string) string {
	pkg := r.packages[updater]
	if pkg == nil {
		return trust.BindingNone
	}
	scope, err := r.trust.ScopeOf(pkg)
	if err != nil {
		return trust.BindingNone
	}
	return scope.Binding()
}

// mayRestart reports whether the vendor's scope lets its updates ask for a
// restart of that kind.
func (r *Runner) mayRestart(pkg *trust.Package, kind string) bool {
	if kind == "" || kind == restartNone {
		return true
	}
	scope, err := r.trust.ScopeOf(pkg)
	return err == nil && slices.Contains(scope.Restart, kind)
}
