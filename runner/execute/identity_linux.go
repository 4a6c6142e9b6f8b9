package execute

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become changes user and group of this thread only: it will execute the program,
// and the others of this process end with that.
func become(uid int) error {
	for _, c := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
	} {
		if _, _, errno := unix.RawSyscall(c[0], c[1], c[2], c[3]); errno != 0 {
			return errno
		}
	}
	return nil
}

// Securebits of capabilities(7): no capability comes with user id 0, and all of it locked.
const secureBits = 0xef

// dropBounding must come before the change of user, which takes the right to do
// it. What may not be dropped cannot come back either: no_new_privs is on.
func dropBounding() {
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0)
	for c := range uintptr(64) {
		if errors.Is(unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0), unix.EINVAL) {
			break
		}
	}
}

// dropCapabilities empties the other sets of this thread.
func dropCapabilities() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&none[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// giveAway makes a tree the program's own where it is root's. Links are not
// followed, and a file with a second name may be anybody's, so it stays.
func giveAway(dir string, uid int) error {
	return filepath.WalkDir(dir+"/.", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		if st.Uid != 0 || fi.Mode().IsRegular() && st.Nlink > 1 {
			return nil
		}
		return os.Lchown(p, uid, uid)
	})
}

func ownerOf(fi os.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
