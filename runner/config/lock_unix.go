//go:build unix

package config

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// isAlive reports whether a process of that number is there. An empty number
// is nobody: the owner has not written it yet, or could not.
func isAlive(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 0 {
		return false
	}
	return !errors.Is(unix.Kill(n, 0), unix.ESRCH)
}
