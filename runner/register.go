package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lullhq/lull/runner/registry"
	"github.com/lullhq/lull/trust"
)

// Where a registration came from.
const (
	sourceCommand = "command" // lull register
	sourceDropin  = "dropin"  // a directory that a package put there
	sourceSelf    = "self"    // an updater's own newer package
)

// registered is what a registration came to.
type registered struct {
	pkg       *trust.Package
	unchanged bool
	previous  string // version that was replaced
}

// accept gives an admitted package authority. The bytes are in the store and
// verified; the record comes first, then the floors, then the state. It runs
// on the loop.
func (r *Runner) accept(pkg *trust.Package, source, dir string) (registered, error) {
	old := r.state.updaters[pkg.ID]
	if old != nil && old.Digest == pkg.Digest && r.packages[pkg.ID] != nil {
		return registered{pkg: pkg, unchanged: true}, nil
	}
	if r.active.has(pkg.ID) || r.busy[pkg.ID] != "" {
		return registered{}, &busyError{pkg.ID}
	}
	_, err := r.record(kindRegistered, registeredBody{
		Updater: pkg.ID, Vendor: pkg.Vendor, Version: pkg.Version, Digest: pkg.Digest, Source: source, Dir: dir, Signer: pkg.Signer,
	})
	if err != nil {
		return registered{}, err
	}
	if err := r.trust.Commit(pkg); err != nil {
		return registered{}, fmt.Errorf("raise the floors: %w", err)
	}
	res := registered{pkg: pkg}
	if old != nil {
		res.previous = old.Version
	}
	r.packages[pkg.ID] = pkg
	delete(r.broken, pkg.ID)
	r.log.Info("registered", "updater", pkg.ID, "version", pkg.Version, "vendor", pkg.Vendor, "source", source)
	return res, nil
}

// busyError says that something of the updater is running.
type busyError struct{ id string }

func (e *busyError) Error() string {
	return fmt.Sprintf("updater %s is running; wait for it to finish, or hold it first", e.id)
}

// refuseRegistration journals a package that trust did not admit.
func (r *Runner) refuseRegistration(id string, err error) {
	r.note(kindRefused, refusedBody{subject: subject{Updater: id}, Stage: "register", Code: trust.Code(err), Error: err.Error()})
}

// unregister drops an updater. What it installed stays; its floors stay too,
// so that an older package cannot come back through this door.
func (r *Runner) unregister(id, why string) error {
	if r.state.updaters[id] == nil {
		return errUnknownUpdater(id)
	}
	if a := r.active.get(id); a != nil {
		if !a.Pausable && !a.Idempotent {
			return &busyError{id}
		}
		r.end(a, why)
	}
	if _, err := r.record(kindUnregistered, unregisteredBody{Updater: id, Reason: why}); err != nil {
		return err
	}
	delete(r.packages, id)
	delete(r.broken, id)
	return nil
}

func errUnknownUpdater(id string) error { return &unknownError{id: id} }

type unknownError struct{ id, update string }

func (e *unknownError) Error() string {
	if e.update != "" {
		return fmt.Sprintf("updater %s has no update %s; lull status %s lists them", e.id, e.update, e.id)
	}
	return fmt.Sprintf("no updater %s is registered; lull list shows which are", e.id)
}

// reloadDropins follows the directories in which packages of the system leave
// updaters.
func (r *Runner) reloadDropins(ctx context.Context) {
	r.post(func() { r.syncDropins(ctx) })
}

// syncDropins registers what appeared or changed in the drop-in directories
// and unregisters what vanished from them. It reads and hashes off the loop.
func (r *Runner) syncDropins(ctx context.Context) {
	if r.syncing {
		r.resync = true
		return
	}
	r.syncing = true
	known := r.dropinTable()
	r.background(func() {
		found, err := registry.Scan(r.paths.UpdaterDirs)
		type admitted struct {
			entry registry.Entry
			pkg   *trust.Package
			err   error
		}
		var list []admitted
		for _, e := range found {
			if known[e.ID] == e.Fingerprint {
				continue
			}
			pkg, err := r.trust.Admit(ctx, e.Dir)
			list = append(list, admitted{e, pkg, err})
		}
		r.post(func() {
			r.syncing = false
			if err != nil {
				r.log.Error("could not read the drop-in updaters", "err", err)
			}
			for _, a := range list {
				r.takeDropin(a.entry, a.pkg, a.err)
			}
			if err == nil {
				r.dropVanished(found)
			}
			if r.resync {
				r.resync = false
				r.syncDropins(ctx)
			}
		})
	})
}

// dropinTable returns what was last taken or refused from each drop-in.
func (r *Runner) dropinTable() map[string]string {
	table := make(map[string]string, len(r.dropins))
	for id, print := range r.dropins {
		table[id] = print
	}
	return table
}

func (r *Runner) takeDropin(e registry.Entry, pkg *trust.Package, err error) {
	if err == nil && pkg.ID != e.ID {
		err = fmt.Errorf("the package in %s is %s; a drop-in directory is named as its updater", e.Dir, pkg.ID)
	}
	if err == nil {
		_, err = r.accept(pkg, sourceDropin, e.Dir)
		var busy *busyError
		if errors.As(err, &busy) {
			return // taken at the next change or start
		}
	}
	r.dropins[e.ID] = e.Fingerprint
	if err != nil {
		r.refuseRegistration(e.ID, err)
		r.log.Error("refused a drop-in updater", "dir", e.Dir, "err", err)
	}
}

func (r *Runner) dropVanished(found []registry.Entry) {
	there := map[string]bool{}
	for _, e := range found {
		there[e.ID] = true
	}
	for _, u := range r.state.sorted() {
		if u.Source == sourceDropin && !there[u.Updater] {
			if err := r.unregister(u.Updater, "its drop-in directory is gone"); err != nil {
				r.log.Warn("could not unregister", "updater", u.Updater, "err", err)
				continue
			}
			delete(r.dropins, u.Updater)
		}
	}
}

// takeSelfUpdate registers the newer package of its own that an updater may
// have left in its staging directory. It enters by the same rules as any.
func (r *Runner) takeSelfUpdate(a *action) {
	dir := filepath.Join(r.stageDir(a.subject), "self")
	if _, err := os.Lstat(filepath.Join(dir, "manifest.json")); err != nil {
		return
	}
	r.busy[a.Updater] = "reading its own new version"
	r.background(func() {
		pkg, err := r.trust.AdmitSelf(context.Background(), a.Updater, dir)
		r.post(func() {
			delete(r.busy, a.Updater)
			if err == nil {
				_, err = r.accept(pkg, sourceSelf, "")
			}
			if err != nil {
				r.note(kindRefused, refusedBody{subject: a.subject, Stage: "self", Code: trust.Code(err), Error: err.Error()})
			}
			os.RemoveAll(dir)
		})
	})
}
