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
