package trust

import "golang.org/x/sys/unix"

// exchange swaps two directories in one step, so that a crash leaves one of
// them in place.
func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// readAhead tells the kernel that f is read once from start to end.
func readAhead(fd uintptr) { _ = unix.Fadvise(int(fd), 0, 0, unix.FADV_SEQUENTIAL) }
