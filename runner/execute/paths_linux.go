package execute

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// noLinks is how every path that a program may have touched is opened: a link that
// it planted must not lead the mount that follows to somewhere else.
const noLinks = unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// pin opens a directory without following any link, as a descriptor that stays on it.
func pin(path string) (int, error) {
	fd, err := openBeneath(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, fmt.Errorf("%s: %w (a link on the way is not followed)", path, err)
	}
	return fd, nil
}

// openBeneath is openat2 without links; on kernels before 5.6 each component is
// opened by itself with O_NOFOLLOW.
func openBeneath(dir int, path string, flags uint64) (int, error) {
	fd, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: noLinks})
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return fd, err
	}
	return stepwise(dir, path, int(flags))
}

func stepwise(dir int, path string, last int) (int, error) {
	at := dir
	if strings.HasPrefix(path, "/") {
		root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		at = root
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		if i == len(parts)-1 {
			flags = last | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		fd, err := unix.Openat(at, part, flags, 0)
		if at != dir {
			_ = unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at = fd
	}
	return at, nil
}

// pinOrCreate pins a directory after creating what is missing of it, owned by us.
func pinOrCreate(path string) (int, error) {
	fd, err := pin(path)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent, err := pinOrCreate(filepath.Dir(path))
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, filepath.Base(path), 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, fmt.Errorf("creating %s: %w", path, err)
	}
	return openBeneath(parent, filepath.Base(path), unix.O_PATH|unix.O_DIRECTORY)
}

// createMissing is for a start without mounts.
func createMissing(dirs []string) error {
	for _, d := range dirs {
		fd, err := pinOrCreate(d)
		if err != nil {
			return fmt.Errorf("the write directory %w", err)
		}
		_ = unix.Close(fd)
	}
	return nil
}

// plainRoots resolves a top-level directory that is a link of the system's, as
// /opt -> var/opt on ostree machines. Only root writes to /, so only there is a link believed.
func plainRoots(dirs []string) ([]string, error) {
	var out []string
	for _, d := range dirs {
		first, rest, _ := strings.Cut(strings.TrimPrefix(d, "/"), "/")
		top, err := filepath.EvalSymlinks("/" + first)
		if errors.Is(err, os.ErrNotExist) {
			top, err = "/"+first, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, filepath.Join(top, rest))
	}
	return out, checkNesting(out)
}
