package execute

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock (Documentation/userspace-api/landlock.rst) by its three system calls,
// for this thread only. Every right that the running kernel knows is handled, so
// what no rule allows is refused; the effective ABI is recorded, never assumed.

const (
	landlockRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR

	landlockFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	landlockV1 = 1<<13 - 1 // EXECUTE … MAKE_SYM

	// never granted: device nodes, and ioctl on them
	landlockNever = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// landlockABI is what the kernel offers; 0 is none.
func landlockABI() int {
	v, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// landlockRuleset is struct landlock_ruleset_attr up to ABI 6; older kernels take a prefix.
type landlockRuleset struct{ fs, net, scoped uint64 }

// landlockBelow is struct landlock_path_beneath_attr, whose fields the kernel packs.
type landlockBelow struct {
	rights uint64
	fd     int32
}

// rulesetFor handles everything that an ABI knows.
func rulesetFor(abi int, network bool) (attr landlockRuleset, size uintptr) {
	attr.fs, size = landlockV1, 8
	if abi >= 2 {
		attr.fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		size = 16
		if !network {
			attr.net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}
	}
	if abi >= 5 {
		attr.fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		size = 24
		attr.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr, size
}

// restrictPaths confines this thread and returns the effective ABI.
func restrictPaths(o *orders) (int, error) {
	abi := landlockABI()
	if abi == 0 {
		return 0, errors.New("the kernel has no Landlock, or it is not enabled at boot (lsm=landlock)")
	}
	attr, size := rulesetFor(abi, o.Network)
	fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return 0, errno
	}
	defer unix.Close(int(fd))
	rules, err := pathRules(o)
	if err != nil {
		return 0, err
	}
	for _, r := range rules {
		if err := r.add(int(fd), attr.fs); err != nil {
			return 0, named("the rule for "+r.path, err)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return 0, errno
	}
	return abi, nil
}

// pathRule allows rights below one path.
type pathRule struct {
	path   string
	rights uint64
	must   bool // its absence is an error
}

// pathRules lists what a program may reach.
func pathRules(o *orders) ([]pathRule, error) {
	p := o.Places
	var rules []pathRule
	for _, d := range readable(o.MountNS) {
		rules = append(rules, pathRule{path: d, rights: landlockRead})
	}
	for _, d := range []string{p.Package, p.Artifacts} {
		rules = append(rules, pathRule{path: d, rights: landlockRead, must: d != ""})
	}
	write, err := plainRoots(o.Write)
	if err != nil {
		return nil, err
	}
	for _, d := range append(write, p.State, p.Stage, p.Home, p.Tmp) {
		rules = append(rules, pathRule{path: d, rights: ^uint64(landlockNever), must: true})
	}
	for _, d := range devices {
		rules = append(rules, pathRule{path: "/dev/" + d, rights: landlockRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE})
	}
	if o.MountNS {
		for _, d := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
			rules = append(rules, pathRule{path: d, rights: ^uint64(landlockNever)})
		}
	}
	return rules, nil
}

// private are the top-level directories that only a mount layer can hide by
// covering; without one they are not allowed at all.
var private = []string{"home", "root", "tmp", "run", "boot", "efi", "mnt", "media", "var", "lost+found"}

// readable are the directories of the system itself.
func readable(mounted bool) []string {
	if mounted {
		return []string{"/"}
	}
	dirs := []string{"/var/lib", "/var/cache"}
	if real, err := filepath.EvalSymlinks("/etc/resolv.conf"); err == nil {
		dirs = append(dirs, real)
	}
	top, _ := os.ReadDir("/")
	for _, e := range top {
		if !slices.Contains(private, e.Name()) {
			dirs = append(dirs, "/"+e.Name())
		}
	}
	return dirs
}

// add opens the path without following links and allows what of the rights is
// handled and fits the kind of file.
func (r pathRule) add(ruleset int, handled uint64) error {
	if r.path == "" {
		return nil
	}
	fd, err := openBeneath(unix.AT_FDCWD, r.path, unix.O_PATH)
	if err != nil {
		if r.must {
			return err
		}
		return nil
	}
	defer unix.Close(fd)
	attr := landlockBelow{rights: r.rights & handled, fd: int32(fd)}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		attr.rights &= landlockFile
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
