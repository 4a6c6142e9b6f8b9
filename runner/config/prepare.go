package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// PathError says which directory cannot be used, and what to do about it.
type PathError struct {
	Path, Remedy string
	Err          error
}

// Error names the directory, the reason and the remedy.
func (e *PathError) Error() string { return fmt.Sprintf("%s: %v; %s", e.Path, e.Err, e.Remedy) }

// Unwrap gives the cause.
func (e *PathError) Unwrap() error { return e.Err }

// maxSocketPath is the room for a name in sockaddr_un less the closing zero:
// 108 bytes in unix(7) of Linux and in Windows, 104 in unix(4) of macOS.
func maxSocketPath() int {
	if runtime.GOOS == "darwin" {
		return 103
	}
	return 107
}

// Prepare makes the state and runtime directories (mode 0755: what is secret
// in them has its own mode) and checks that they can be written, and that the
// control socket's path fits the system's limit. A full disk is no reason to
// stop: the daemon must be able to say so. Errors are *PathError.
func Prepare(p Paths) error {
	if limit := maxSocketPath(); len(p.Socket) > limit {
		return &PathError{p.Socket, fmt.Sprintf("choose a --root that is at least %d bytes shorter", len(p.Socket)-limit),
			fmt.Errorf("the control socket's path has %d bytes, and this system allows %d", len(p.Socket), limit)}
	}
	for _, dir := range []string{p.State, p.Runtime} {
		if err := makeDir(dir); err != nil {
			return unusable(dir, err)
		}
		if err := probe(dir); err != nil && !errors.Is(err, syscall.ENOSPC) {
			return unusable(dir, err)
		}
	}
	return nil
}

// makeDir makes dir, with its mode whatever the umask; one that exists keeps
// its mode, which an administrator may have chosen.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// probe writes a file: permissions, read-only filesystems and sandboxes all
// show this way, also to root.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func unusable(dir string, err error) error {
	remedy := "make it a directory that lull may write, or choose another with --root DIR"
	switch {
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		remedy = "run lull as root, or choose a directory of your own with --root DIR"
	case errors.Is(err, syscall.EROFS):
		remedy = "remount the filesystem writable, or choose another directory with --root DIR"
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	return &PathError{dir, remedy, fmt.Errorf("cannot be written: %w", err)}
}
