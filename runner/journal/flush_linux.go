package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flush is fdatasync: the file's size is metadata that it includes, the times
// are not worth a second flush.
func flush(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// allocate gives f so many bytes of the disk: fallocate where the filesystem
// can, else by writing.
func allocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	return errors.Join(err, f.Sync())
}
