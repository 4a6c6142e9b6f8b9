package watch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// deafen takes all watches away, which is what a file system without events is.
func (w *Watcher) deafen(t *testing.T) {
	t.Helper()
	for _, dir := range w.fs.WatchList() {
		must(t, w.fs.Remove(dir))
	}
}

func silent(t *testing.T, w *Watcher, what string) {
	t.Helper()
	select {
	case <-w.C():
		t.Fatalf("%s was told", what)
	case <-time.After(200 * time.Millisecond):
	}
}

func TestWithoutEventsARecheckFindsWhatChanged(t *testing.T) {
	dir := t.TempDir()
	file, sub := filepath.Join(dir, "sub", "x.rego"), filepath.Join(dir, "sub")
	must(t, os.Mkdir(sub, 0o755))
	must(t, os.WriteFile(file, []byte("1"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "..v1"), 0o755))
	must(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	w := start(t, dir)
	w.Recheck()
	sees(t, w, "the first re-check")
	info, err := os.Stat(file)
	must(t, err)
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a new file", func() error { return os.WriteFile(filepath.Join(sub, "y"), nil, 0o644) }},
		{"other bytes of the same size and time", func() error {
			return errors.Join(os.WriteFile(file, []byte("2"), 0o644), os.Chtimes(file, info.ModTime(), info.ModTime()))
		}},
		{"a rename", func() error { return os.Rename(file, file+".off") }},
		{"a swapped link", func() error {
			tmp := filepath.Join(dir, "..tmp")
			return errors.Join(os.Symlink("sub", tmp), os.Rename(tmp, filepath.Join(dir, "..data")))
		}},
		{"the directory gone", func() error { return os.RemoveAll(dir) }},
	} {
		w.deafen(t)
		must(t, step.do())
		silent(t, w, step.what+", without a re-check,")
		w.Recheck()
		sees(t, w, step.what)
		w.Recheck()
		silent(t, w, "nothing after "+step.what)
	}
}

// TestAnOverflowIsFollowedByAFreshLook overflows the kernel's queue while nobody
// reads it. What was told there is thrown away, so that only the overflow itself
// is left to act on.
func TestAnOverflowIsFollowedByAFreshLook(t *testing.T) {
	dir := t.TempDir()
	w, err := prepare(Options{Dirs: []string{dir}, Debounce: 20 * time.Millisecond})
	must(t, err)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(a, nil, 0o644))
	for range 30_000 { // a queue holds 16,384, unless an administrator raised it
		must(t, os.Rename(a, b))
		a, b = b, a
	}
	sub := filepath.Join(dir, "sub")
	must(t, os.Mkdir(sub, 0o755))
	if !overflowed(w) {
		must(t, w.fs.Close())
		t.Fatal("60,000 events did not overflow the queue; is fs.inotify.max_queued_events raised?")
	}
	if slices.Contains(w.fs.WatchList(), sub) {
		t.Fatal("the directory made after the overflow is watched already")
	}
	w.wg.Go(w.run)
	t.Cleanup(func() { w.Close() })
	silent(t, w, "nothing")
	w.fs.Errors <- fsnotify.ErrEventOverflow
	sees(t, w, "the overflow")
	must(t, os.WriteFile(filepath.Join(sub, "x"), nil, 0o644))
	sees(t, w, "a file in the directory whose event was lost")
}

// overflowed reads all there is and reports whether the kernel lost some.
func overflowed(w *Watcher) (lost bool) {
	for {
		select {
		case <-w.fs.Events:
		case err := <-w.fs.Errors:
			lost = lost || err == fsnotify.ErrEventOverflow
		case <-time.After(300 * time.Millisecond):
			return lost
		}
	}
}

// What a recheck finds is watched from then on.
func TestARecheckWatchesWhatItFinds(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir)
	w.Recheck()
	sees(t, w, "the first call")
	w.deafen(t)
	sub := filepath.Join(dir, "sub")
	must(t, os.Mkdir(sub, 0o755))
	must(t, os.WriteFile(filepath.Join(sub, "x.rego"), []byte("1"), 0o644))
	w.Recheck()
	sees(t, w, "a directory of which no event told")
	must(t, os.WriteFile(filepath.Join(sub, "x.rego"), []byte("2"), 0o644))
	sees(t, w, "an edit in it")
}
