//go:build !linux && !darwin

package trust

import "io/fs"

// identityOf has only the modification time here, which a program can set: the
// store is weaker on this system.
func identityOf(info fs.FileInfo) (inode uint64, changed int64, links uint64) {
	return 0, info.ModTime().UnixNano(), 1
}
