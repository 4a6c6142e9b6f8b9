package facts

import (
	"context"
	"encoding/binary"
	"errors"
	"path"

	"golang.org/x/sys/unix"
)

// dirWatch is told by inotify(7) when entries of directories are made, replaced
// or removed. A directory that does not exist is awaited in the nearest one
// above it that does.
type dirWatch struct {
	fd   int
	dirs map[string]int32 // watch descriptor of each; 0 = it does not exist
}

const (
	entryEvents = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB
	awaitEvents = unix.IN_CREATE | unix.IN_MOVED_TO
)

func newDirWatch(dirs ...string) (*dirWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	w := &dirWatch{fd: fd, dirs: map[string]int32{}}
	for _, dir := range dirs {
		w.dirs[dir] = 0
	}
	if _, err := w.arm(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// arm watches what exists now and reports whether a directory has come or gone.
func (w *dirWatch) arm() (changed bool, err error) {
	for dir, old := range w.dirs {
		now, err := w.add(dir)
		if err != nil {
			return changed, err
		}
		w.dirs[dir] = now
		changed = changed || now != old
	}
	return changed, nil
}

// add watches dir; 0 when it has to be awaited.
func (w *dirWatch) add(dir string) (int32, error) {
	for awaited := ""; ; {
		wd, err := unix.InotifyAddWatch(w.fd, dir, entryEvents|unix.IN_MASK_ADD)
		if err == nil {
			return int32(wd), nil
		}
		above := dir
		for notThere(err) && above != "/" {
			above = path.Dir(above)
			_, err = unix.InotifyAddWatch(w.fd, above, awaitEvents|unix.IN_MASK_ADD)
		}
		if err != nil || above == awaited { // looked at again, as it may have come before above was watched
			return 0, err
		}
		awaited = above
	}
}

// notThere also covers what may not be read: it cannot be watched either, until
// somebody replaces it.
func notThere(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES)
}

// handle takes a buffer of events and reports whether one is about a watched
// directory.
func (w *dirWatch) handle(events []byte) (ours bool, err error) {
	for wd, mask := range inotifyEvents(events) {
		for dir, of := range w.dirs {
			if of == wd || mask&unix.IN_Q_OVERFLOW != 0 {
				ours = true
				if mask&unix.IN_IGNORED != 0 { // it was removed
					w.dirs[dir] = 0
				}
			}
		}
	}
	changed, err := w.arm()
	return ours || changed, err
}

// changed reports, without waiting, whether there were events since it was last
// called.
func (w *dirWatch) changed() bool {
	var buf [4096]byte
	seen := false
	for {
		n, err := unix.Read(w.fd, buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n <= 0:
			return seen
		}
		ours, err := w.handle(buf[:n])
		seen = seen || ours || err != nil
	}
}

func (w *dirWatch) close() { unix.Close(w.fd) }

// watchDir wakes when an entry of dir was made, replaced or removed, and when
// dir itself comes or goes.
func watchDir(ctx context.Context, dir string, wake func()) {
	keepWatching(ctx, dir, nil, wake, func(ctx context.Context, up func()) error { return watchDirs(ctx, up, wake, dir) })
}

func watchDirs(ctx context.Context, up, wake func(), dirs ...string) error {
	w, err := newDirWatch(dirs...)
	if err != nil {
		return err
	}
	up()
	return pump(ctx, w.fd, func(events []byte) error {
		ours, err := w.handle(events)
		if ours {
			wake()
		}
		return err
	})
}

// inotifyEvents yields watch descriptor and mask of the events in a buffer; it
// ends at the first that is not whole.
func inotifyEvents(events []byte) func(yield func(wd int32, mask uint32) bool) {
	return func(yield func(int32, uint32) bool) {
		for len(events) >= unix.SizeofInotifyEvent {
			size := uint64(unix.SizeofInotifyEvent) + uint64(binary.NativeEndian.Uint32(events[12:]))
			if !yield(int32(binary.NativeEndian.Uint32(events)), binary.NativeEndian.Uint32(events[4:])) || size > uint64(len(events)) {
				return
			}
			events = events[size:]
		}
	}
}

// inotifyMask joins the masks of all events in a buffer.
func inotifyMask(events []byte) (all uint32) {
	for _, mask := range inotifyEvents(events) {
		all |= mask
	}
	return all
}
