//go:build linux || darwin

package trust

import "golang.org/x/sys/unix"

// freeBytes is what an ordinary process may still write to the volume of dir.
func freeBytes(dir string) (int64, bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
