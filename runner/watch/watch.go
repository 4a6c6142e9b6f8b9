// Package watch tells when something below a directory may have changed. It is
// the one recipe for policies, vendors, updaters and configuration, and the
// one place of fsnotify.
//
// Directories and their nearest existing parents are watched, never single
// files: a watch on a file is lost when an editor renames a new one over it,
// and a Kubernetes-style symlink swap is not seen on it at all. Any event is
// "something changed"; the reader takes a fresh look and compares digests.
//
// Some changes make no event: those that another machine makes on a network
// file system, those through a shared mapping, those below a directory for
// which the kernel had no watch left. [Watcher.Recheck] finds them by content,
// whenever its owner is awake anyway.
package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options of New.
type Options struct {
	Dirs     []string      // watched with everything below, or single files; may not exist yet
	Debounce time.Duration // quiet time that ends a burst; 0: 150 ms
	Steady   bool          // Dirs exist and stay where they are, so what is above them is not watched
	MaxWait  time.Duration // longest a burst is waited out; 0: 2 s
	Logger   *slog.Logger  // nil: discard
}

// Watcher watches until Close.
type Watcher struct {
	opt   Options
	fs    *fsnotify.Watcher
	out   chan struct{}
	again chan struct{} // Recheck was called
	stop  chan struct{}
	wg    sync.WaitGroup
}

// New starts watching. It returns once the watches are in place, so a change
// after New is never missed.
func New(o Options) (*Watcher, error) {
	w, err := prepare(o)
	if err == nil {
		w.wg.Go(w.run)
	}
	return w, err
}

// prepare is New up to the goroutine.
func prepare(o Options) (*Watcher, error) {
	if o.Debounce == 0 {
		o.Debounce = 150 * time.Millisecond
	}
	if o.MaxWait == 0 {
		o.MaxWait = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch directories: %w; raise fs.inotify.max_user_instances if it is exhausted", err)
	}
	w := &Watcher{opt: o, fs: notify, out: make(chan struct{}, 1), again: make(chan struct{}, 1), stop: make(chan struct{})}
	w.place()
	return w, nil
}

// C receives after a burst of changes has gone quiet. It is closed by Close.
func (w *Watcher) C() <-chan struct{} { return w.out }

// Recheck compares what is there with what was there at the last call, by
// content, and tells when it differs. The first call has nothing to compare
// with and tells. It does not wait: the watch's goroutine reads the files.
func (w *Watcher) Recheck() {
	select {
	case w.again <- struct{}{}:
	default: // one is under way already
	}
}

// Close ends the watch and waits for its goroutine.
func (w *Watcher) Close() error {
	close(w.stop)
	err := w.fs.Close()
	w.wg.Wait()
	return err
}

func (w *Watcher) run() {
	defer close(w.out)
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	var since time.Time // of the burst; zero: none
	var last print
	for {
		select {
		case <-w.stop:
			return
		case event, ok := <-w.fs.Events:
			if !ok {
				return
			}
			w.appeared(event)
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			// An overflow lost events, any other error may have: look again.
			w.opt.Logger.Warn("directory watch", "err", err)
		case <-w.again:
			now := fingerprint(w.opt.Dirs)
			if now == last {
				continue
			}
			last = now
			w.place()
			w.tell()
			continue
		case <-quiet.C:
			since = time.Time{}
			w.place()
			w.tell()
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		quiet.Reset(max(0, min(w.opt.Debounce, time.Until(since.Add(w.opt.MaxWait)))))
	}
}

// appeared watches a new directory at once: what goes on in it is part of the
// burst that made it, and a burst that is not seen looks quiet.
func (w *Watcher) appeared(event fsnotify.Event) {
	if !event.Has(fsnotify.Create) {
		return
	}
	if info, err := os.Lstat(event.Name); err != nil || !info.IsDir() {
		return
	}
	for _, dir := range w.opt.Dirs {
		real, err := filepath.EvalSymlinks(dir)
		switch {
		case below(event.Name, dir), err == nil && below(event.Name, real):
			w.walk(event.Name)
		case below(dir, event.Name):
			w.place()
		}
	}
}

// below reports whether path is dir or lies in it.
func below(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func (w *Watcher) tell() {
	select {
	case w.out <- struct{}{}:
	default: // one is waiting to be read already
	}
}

// place puts a watch on every directory below Dirs, and on the nearest
// existing parent of each of Dirs, through which a directory that appears, is
// replaced, or is a swapped link is seen. Watching a directory again is free.
func (w *Watcher) place() {
	for _, dir := range w.opt.Dirs {
		target := dir
		if !w.opt.Steady {
			w.add(existingParent(dir))
			w.ways(dir)
		}
		if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir && !w.opt.Steady {
			target = real
			w.add(existingParent(real))
		}
		w.walk(target)
	}
}

// ways watches where the links on the way to dir stand: one that is swapped is
// seen nowhere else.
func (w *Watcher) ways(dir string) {
	for parent := filepath.Dir(dir); parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
		if info, err := os.Lstat(parent); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			w.add(filepath.Dir(parent))
		}
	}
}

// walk watches dir and everything below.
func (w *Watcher) walk(dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			w.add(path)
		}
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			w.follow(path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.opt.Logger.Warn("directory watch", "dir", dir, "err", err)
	}
}

// follow watches where a link inside a directory leads, as ..data does.
func (w *Watcher) follow(link string) {
	real, err := filepath.EvalSymlinks(link)
	if err != nil {
		return
	}
	if info, err := os.Stat(real); err == nil && !info.IsDir() {
		real = filepath.Dir(real)
	}
	w.add(real)
}

func (w *Watcher) add(dir string) {
	if err := w.fs.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.opt.Logger.Warn("cannot watch a directory; changes in it are not seen until a reload", "dir", dir, "err", err)
	}
}

// existingParent is the nearest directory above dir that exists.
func existingParent(dir string) string {
	for {
		parent := filepath.Dir(dir)
		if info, err := os.Stat(parent); err == nil && info.IsDir() || parent == dir {
			return parent
		}
		dir = parent
	}
}
