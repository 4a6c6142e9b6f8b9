// Package nofollow opens files below a directory that somebody hostile may
// write to: no component of a name is ever followed as a symbolic link, nothing
// but a regular file is opened for reading, and nothing blocks.
//
// On Linux the kernel does it in one step (openat2 with RESOLVE_NO_SYMLINKS and
// RESOLVE_BENEATH), and the file is first opened as a mere path, so that no
// driver or FIFO notices. Elsewhere each component is looked at through
// [os.Root] and compared again once the file is open.
package nofollow

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// MaxDepth is how deep List descends.
const MaxDepth = 32

// ErrNotRegular means that a name is a link, directory, FIFO, socket or device.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooMany means that a directory holds more than the caller allows.
var ErrTooMany = errors.New("too many files")

// Dir is an open directory. It stays the same directory when its path is
// renamed or replaced.
type Dir struct {
	f    *os.File
	root *os.Root
	path string
}

// OpenDir opens the directory at path, which itself may be a link: it is the
// caller's word.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	f, err := root.Open(".") // not by the path again: it may be another directory by now
	if err != nil {
		root.Close()
		return nil, err
	}
	return &Dir{f: f, root: root, path: path}, nil
}

// Close releases the directory.
func (d *Dir) Close() error { return errors.Join(d.f.Close(), d.root.Close()) }

// Stat describes the directory itself.
func (d *Dir) Stat() (fs.FileInfo, error) { return d.f.Stat() }

// Open opens the regular file with the given slash-separated name.
func (d *Dir) Open(name string) (*os.File, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a relative clean name")}
	}
	return d.open(name)
}

// NotRegular is the error of finding something else where a file should be; what
// says it in words.
type NotRegular struct{ what string }

// Error names what was found.
func (e *NotRegular) Error() string { return ErrNotRegular.Error() + " but " + e.what }

// What is what was found, as "a symbolic link".
func (e *NotRegular) What() string { return e.what }

// Is makes it an ErrNotRegular.
func (e *NotRegular) Is(target error) bool { return target == ErrNotRegular }

// Describe words what was found instead of a file.
func Describe(mode fs.FileMode) *NotRegular {
	what := "a special file"
	switch {
	case mode&fs.ModeSymlink != 0:
		what = "a symbolic link"
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return &NotRegular{what}
}

func notRegular(name string, mode fs.FileMode) error {
	return &fs.PathError{Op: "open", Path: name, Err: Describe(mode)}
}

// openPortable looks at every component, opens, and makes sure that what was
// opened is what was looked at.
func (d *Dir) openPortable(name string, directory bool) (*os.File, error) {
	var last fs.FileInfo
	parts := strings.Split(name, "/")
	for i := range parts {
		info, err := d.root.Lstat(path.Join(parts[:i+1]...))
		if err != nil {
			return nil, err
		}
		if final := i == len(parts)-1; !final && !info.IsDir() || final && !directory && !info.Mode().IsRegular() || final && directory && !info.IsDir() {
			return nil, notRegular(path.Join(parts[:i+1]...), info.Mode())
		}
		last = info
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(info, last) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("replaced while it was opened")}
	}
	return f, nil
}

// Entry is one thing below a directory.
type Entry struct {
	Name string // slash-separated, relative
	Type fs.FileMode
}

// List names everything below the directory, directories included, sorted; it
// follows no links and gives up with ErrTooMany beyond limit entries.
func (d *Dir) List(limit int) ([]Entry, error) {
	l := &lister{dir: d, limit: limit}
	err := l.list(".", 0)
	slices.SortFunc(l.entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return l.entries, err
}

type lister struct {
	dir     *Dir
	limit   int
	entries []Entry
}

func (l *lister) list(name string, depth int) error {
	if depth > MaxDepth {
		return &fs.PathError{Op: "list", Path: name, Err: fmt.Errorf("%w: deeper than %d directories", ErrTooMany, MaxDepth)}
	}
	f, err := l.dir.openDir(name)
	if err != nil {
		return err
	}
	found, err := readAll(f, l.limit-len(l.entries))
	f.Close()
	if err != nil {
		return err
	}
	for _, e := range found {
		child := path.Join(name, e.Name())
		l.entries = append(l.entries, Entry{Name: child, Type: e.Type()})
		if e.IsDir() {
			if err := l.list(child, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func readAll(f *os.File, limit int) ([]fs.DirEntry, error) {
	found, err := f.ReadDir(limit + 1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(found) > limit {
		return nil, ErrTooMany
	}
	return found, nil
}

func (d *Dir) openDirPortable(name string) (*os.File, error) {
	if name == "." {
		return d.root.Open(".")
	}
	return d.openPortable(name, true)
}

// Lstat describes a name below the directory without following a link at its
// end; links before it lead nowhere outside the directory.
func (d *Dir) Lstat(name string) (fs.FileInfo, error) { return d.root.Lstat(name) }
