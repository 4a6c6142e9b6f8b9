package trust

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// GC removes every entry of the store whose digest is not in keep, and what a
// crash left half written. It never touches floors or revocations. The caller
// keeps what is registered, pending or running.
func (t *Trust) GC(keep []string) error {
	if err := t.store.begin(); err != nil {
		return err
	}
	var errs []error
	for _, kind := range kinds {
		errs = append(errs, sweep(filepath.Join(t.store.dir, kind), func(name string) bool { return slices.Contains(keep, name) }))
	}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	errs = append(errs, sweep(filepath.Join(t.store.dir, "tmp"), func(name string) bool { return t.store.using[name] }))
	return errors.Join(errs...)
}

func sweep(dir string, keep func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return stateError(dir, cause(err))
	}
	var errs []error
	for _, e := range entries {
		if keep(e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			errs = append(errs, stateError(dir, cause(err)))
		}
	}
	return errors.Join(errs...)
}
