//go:build unix

package facts

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const openNonblock = syscall.O_NONBLOCK

// ownedByAdmin accepts files of root and of whoever runs lull, which nobody
// else may write.
func ownedByAdmin(_ *os.File, info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return errors.New("is writable by others; chmod go-w it")
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("does not belong to root; chown it")
	}
	return nil
}
