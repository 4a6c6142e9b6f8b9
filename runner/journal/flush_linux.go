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
