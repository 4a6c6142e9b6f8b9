package nofollow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const nonBlock = unix.O_NONBLOCK | unix.O_NOCTTY

const resolve = unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_BENEATH

func (d *Dir) open(name string) (*os.File, error) {
	at, err := d.openat2(name, unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return d.openPortable(name, false)
	}
	if err != nil {
		return nil, linkError(name, err)
	}
	defer at.Close()
	info, err := at.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name, info.Mode())
	}
	return reopen(at, name)
}

// reopen opens for reading the very file that a path descriptor holds.
func reopen(at *os.File, name string) (*os.File, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", at.Fd()), unix.O_RDONLY|unix.O_CLOEXEC|nonBlock, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (d *Dir) openDir(name string) (*os.File, error) {
	f, err := d.openat2(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return d.openDirPortable(name)
	}
	if err != nil {
		return nil, linkError(name, err)
	}
	return f, nil
}

func (d *Dir) openat2(name string, flags uint64) (*os.File, error) {
	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	for range 16 {
		fd, err := unix.Openat2(int(d.f.Fd()), name, how)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue // something was renamed meanwhile
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it keeps being renamed")}
}

// linkError words ELOOP, by which the kernel says that it met a link.
func linkError(name string, err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
		return notRegular(name, fs.ModeSymlink)
	}
	return err
}
