package trust

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
)

// Refresher keeps one trusted root current. It is the only part of trust that
// touches the network, and no verification waits for it: it replaces the file
// in roots.d, or leaves it as it was.
type Refresher struct {
	Name   string // of the root; default "public-good"
	Dir    string // required: the roots.d directory to write NAME.json to
	Cache  string // required: where the TUF metadata seen so far is kept, by repository
	URL    string // TUF repository; default sigstore's public-good instance
	Root   []byte // its first TUF root; default that of the public-good instance
	Target string // default "trusted_root.json"
}

// RefreshEvery is how often a root should be confirmed. Sigstore's timestamps
// hold for a week, so one that was not confirmed for that long may be withheld.
const RefreshEvery = 24 * time.Hour

// RefreshTimeout bounds one refresh.
const RefreshTimeout = 2 * time.Minute

// Refresh fetches the root and puts it in place when it changed. An error
// leaves everything as it was; it is ErrRoot, or ErrIO when the file cannot be
// written. A root that is current has its time set, so that root.age_seconds
// tells when it was last confirmed.
func (r Refresher) Refresh(ctx context.Context) (changed bool, err error) {
	if r.Dir == "" || r.Cache == "" || !shortName.matches(r.name()) {
		return false, refuse(ErrRoot, "", "a refresh needs a plain name, a roots.d directory and a cache", "name it as public-good is named")
	}
	ctx, cancel := context.WithTimeout(ctx, RefreshTimeout)
	defer cancel()
	path := r.Path()
	repo := sig.Repository{URL: r.URL, Root: r.Root, Cache: r.Cache, Target: r.Target}
	data, err := repo.Fetch(ctx)
	if err != nil {
		return false, &Error{Reason: ErrRoot, Path: path, What: "not refreshed", Err: oneLine(err), Remedy: "the root in place stays in force; try again when online"}
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return false, stateError(r.Dir, cause(err))
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		now := time.Now()
		return false, stateError(path, os.Chtimes(path, now, now))
	}
	return true, writeFile(path, data)
}

func (r Refresher) name() string {
	if r.Name == "" {
		return "public-good"
	}
	return r.Name
}

// Path is the file that Refresh keeps current.
func (r Refresher) Path() string { return filepath.Join(r.Dir, r.name()+".json") }

// NextDue is when the root should be confirmed next: now when there is none, or
// when its time lies in the future, as after a clock was set back. It looks at
// the file only; whoever asks decides whether and when to go online.
func (r Refresher) NextDue(now time.Time) time.Time {
	info, err := os.Stat(r.Path())
	if err != nil || info.ModTime().After(now) {
		return now
	}
	return info.ModTime().Add(RefreshEvery)
}

type flat string

func (f flat) Error() string { return string(f) }

func oneLine(err error) error {
	return flat(strings.Join(strings.Fields(err.Error()), " "))
}
