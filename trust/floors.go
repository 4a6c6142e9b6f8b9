package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lullhq/lull/trust/internal/strict"
)

// floors is what trust remembers for ever, also when an updater is
// unregistered: whose each id is, and the newest version accepted. Without it,
// anybody allowed to register could replay an old signed package.
type floors struct {
	Format   int              `json:"format"`
	Updaters map[string]floor `json:"updaters"`
	Newest   time.Time        `json:"newest_signed,omitzero"` // newest signature verified, a floor for the clock
}

// floor is the memory of one updater id.
type floor struct {
	Vendor  string          `json:"vendor"`
	Package mark            `json:"package,omitzero"`
	Lines   map[string]mark `json:"lines,omitempty"` // of updates, by line
}

// mark is the newest accepted document of a line.
type mark struct {
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	Digest  string    `json:"digest"`
}

// replays says why a document would be a step back from the mark: an older
// version, or the same version signed earlier.
func (m mark) replays(version string, created time.Time, digest string) error {
	switch {
	case m.Version == "" || m.Digest == digest:
		return nil
	case older(version, m.Version):
		return refuse(ErrDowngrade, "", fmt.Sprintf("version %s, but %s was accepted before", version, m.Version), "publish a version above "+m.Version)
	case !older(m.Version, version) && created.Before(m.Created):
		return refuse(ErrDowngrade, "", fmt.Sprintf("another %s, signed before the one accepted", version), "publish a version above "+m.Version)
	}
	return nil
}

func (t *Trust) floorsPath() string { return filepath.Join(t.opt.StateDir, "floors.json") }

// readFloors reads the file anew each time: it is small, and another process
// may have repaired it. A file that is damaged, or gone although there is a
// store, stops trust: forgetting floors would allow every replay.
func (t *Trust) readFloors() (*floors, error) {
	f := &floors{Format: 1, Updaters: map[string]floor{}}
	data, err := t.owners().readFile(t.floorsPath(), 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		if !t.store.used() || t.off == defenceLost {
			return f, nil
		}
		return nil, refuse(ErrState, t.floorsPath(), "gone, although the store has packages", `restore it, or to accept that old versions may return: echo '{"format":1,"updaters":{}}' > `+t.floorsPath())
	}
	if err != nil {
		return nil, because(ErrState, t.floorsPath(), "the record of accepted versions cannot be read", err)
	}
	root, err := strict.ParseJSON(data)
	if err == nil {
		if bad := strict.Decode(root, f); len(bad) > 0 {
			err = bad[0]
		} else if f.Format != 1 {
			err = fmt.Errorf("format %d is not known", f.Format)
		}
	}
	if err != nil {
		return nil, &Error{Reason: ErrState, Path: t.floorsPath(), What: "the record of accepted versions is damaged", Err: err, Remedy: "restore it from a backup"}
	}
	return f, nil
}

// changeFloors lets change edit the floors and has them on disk when it returns.
func (t *Trust) changeFloors(change func(*floors) (changed bool, err error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.readFloors()
	if err != nil {
		return err
	}
	changed, err := change(f)
	if err != nil || !changed {
		return err
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.opt.StateDir, 0o755); err != nil {
		return stateError(t.opt.StateDir, cause(err))
	}
	return writeFile(t.floorsPath(), append(data, '\n'))
}

// haveFloors writes the file before the first package is stored, so that from
// then on its absence means that it was lost.
func (t *Trust) haveFloors() error {
	return t.changeFloors(func(*floors) (bool, error) {
		_, err := os.Stat(t.floorsPath())
		return errors.Is(err, fs.ErrNotExist), nil
	})
}

// checkFloor refuses a package of an id that is another vendor's, or that is
// older than one accepted before.
func (t *Trust) checkFloor(f *floors, p *Package) error {
	have, known := f.Updaters[p.ID]
	if !known {
		return nil
	}
	if have.Vendor != p.Vendor && t.off != defenceBound {
		return refuse(ErrBound, "", fmt.Sprintf("%s belongs to vendor %s since it was first registered", p.ID, have.Vendor), "choose another id")
	}
	if t.off == defenceFloor {
		return nil
	}
	return have.Package.replays(p.Version, p.Manifest.Created, p.Digest)
}

// Commit makes a package the oldest one still acceptable for its id, and binds
// the id to its vendor, for ever. It is on disk when Commit returns. Check does
// the same, so that nothing ever runs below its floor.
func (t *Trust) Commit(p *Package) error {
	return t.changeFloors(func(f *floors) (bool, error) {
		if err := t.checkFloor(f, p); err != nil {
			return false, err
		}
		have := f.Updaters[p.ID]
		next := mark{Version: p.Version, Created: p.Manifest.Created, Digest: p.Digest}
		newest := f.seen(p.Manifest.Created, p.Signer.SignedAt, t.now())
		if have.Package == next && have.Vendor == p.Vendor && !newest {
			return false, nil
		}
		have.Vendor, have.Package = p.Vendor, next
		f.Updaters[p.ID] = have
		return true, nil
	})
}

// raiseUpdate makes an update the oldest one still acceptable of its line.
func (t *Trust) raiseUpdate(p *Package, u *Update) error {
	return t.changeFloors(func(f *floors) (bool, error) {
		have, known := f.Updaters[p.ID]
		if !known {
			have.Vendor = p.Vendor
		}
		line := u.Doc.Line()
		if err := t.checkUpdateFloor(f, p, u); err != nil {
			return false, err
		}
		next := mark{Version: u.Version, Created: u.Doc.Created, Digest: u.Digest}
		newest := f.seen(u.Doc.Created, u.Signer.SignedAt, t.now())
		if have.Lines[line] == next && !newest {
			return false, nil
		}
		if have.Lines == nil {
			have.Lines = map[string]mark{}
		}
		have.Lines[line] = next
		f.Updaters[p.ID] = have
		return true, nil
	})
}

func (t *Trust) checkUpdateFloor(f *floors, p *Package, u *Update) error {
	if t.off == defenceUpdateFloor {
		return nil
	}
	return f.Updaters[p.ID].Lines[u.Doc.Line()].replays(u.Version, u.Doc.Created, u.Digest)
}

// seen raises the floor of the clock to a time that a signer stated, unless it
// lies in the future: a wrong clock must not outlast its correction.
func (f *floors) seen(created, signed, now time.Time) (raised bool) {
	at := created
	if signed.After(at) {
		at = signed
	}
	if at.After(now) || !at.After(f.Newest) {
		return false
	}
	f.Newest = at
	return true
}
