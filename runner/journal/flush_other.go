//go:build !linux

package journal

import (
	"errors"
	"os"
	"syscall"
)

func flush(f *os.File) error { return f.Sync() }

// syncDir does nothing where a directory cannot be flushed by itself.
func syncDir(string) error { return nil }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// allocate gives f so many bytes of the disk.
func allocate(f *os.File, size int64) error {
	_, err := f.WriteAt(make([]byte, size), 0)
	return errors.Join(err, f.Sync())
}
