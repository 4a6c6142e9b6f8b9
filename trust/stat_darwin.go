package trust

import (
	"io/fs"
	"syscall"
)

// identityOf tells one state of a file from any other: its inode and the time
// of its last change, which no program can set back, and how many names it has.
func identityOf(info fs.FileInfo) (inode uint64, changed int64, links uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, info.ModTime().UnixNano(), 1
	}
	return st.Ino, st.Ctimespec.Nano(), uint64(st.Nlink)
}
