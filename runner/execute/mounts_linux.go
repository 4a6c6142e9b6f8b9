package execute

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The program's view of the file system: everything read-only, the declared
// directories writable at their own paths, the private places of users and of
// other services covered with empty ones. Every descriptor is pinned before the
// view changes, and each mount is made from its descriptor, never from a path.

// covers are the directories that show nothing of the machine's to a program.
var covers = []string{"/run", "/tmp", "/var/tmp", "/home", "/root", "/boot", "/efi", "/mnt", "/media"}

// devices are the nodes a program finds in /dev.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// bind is one detached mount and where it goes.
type bind struct {
	path string
	fd   int
	file bool
}

// view collects what the new view is made of.
type view struct {
	orders *orders
	binds  []bind
	covers []string
}

// confineMounts builds the view in this thread's own mount namespace.
func confineMounts(o *orders) error {
	v := &view{orders: o}
	for _, step := range []func() error{v.detachFromHost, v.collect, v.collectDevices, v.readOnly, v.cover, v.attach, v.seal} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// detachFromHost keeps our mounts from showing up outside; unmounts still arrive,
// so that a running program does not keep a stick from being ejected.
func (v *view) detachFromHost() error {
	return named("the mount namespace", unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
}

// collect pins and clones every directory that the program may see or change.
func (v *view) collect() error {
	p := v.orders.Places
	for _, d := range []string{p.Package, p.Artifacts} {
		if err := v.add(d, d, unix.MOUNT_ATTR_RDONLY, false); err != nil {
			return err
		}
	}
	for _, d := range []string{p.State, p.Stage, p.Home, p.Tmp} {
		if err := v.add(d, d, 0, false); err != nil {
			return err
		}
	}
	write, err := plainRoots(v.orders.Write)
	if err != nil {
		return err
	}
	for _, d := range write {
		if err := v.add(d, d, 0, v.orders.IDMap); err != nil {
			return err
		}
	}
	return v.addResolver()
}

// add clones one directory. With own, files of root on disk are the program's
// own files inside, and the other way round (mount_setattr(2), idmapped mounts).
func (v *view) add(from, to string, attr uint64, own bool) error {
	if from == "" {
		return nil
	}
	fd, err := pinOrCreate(from)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	t, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return named(from, err)
	}
	set := unix.MountAttr{Attr_set: attr | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(t, "", unix.AT_EMPTY_PATH, &set); err != nil {
		return named(from, err)
	}
	if own {
		if err := showAsOwn(t, fd, v.orders.UID); err != nil {
			return named(from, err)
		}
	}
	v.binds = append(v.binds, bind{path: to, fd: t})
	return nil
}

// showAsOwn maps the owner, or, where the file system cannot, changes it.
func showAsOwn(tree, dir, uid int) error {
	m := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: fdUserNS}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &m); err == nil {
		return nil
	}
	return giveAway(fmt.Sprintf("/proc/self/fd/%d", dir), uid)
}

// addResolver keeps name resolution working below the covered /run.
func (v *view) addResolver() error {
	real, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil || !v.orders.Network || !strings.HasPrefix(real, "/run/") {
		return nil
	}
	return v.addFile(real, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

func (v *view) addFile(path string, attr uint64) error {
	t, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return named(path, err)
	}
	if attr != 0 {
		if err := unix.MountSetattr(t, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attr}); err != nil {
			return named(path, err)
		}
	}
	v.binds = append(v.binds, bind{path: path, fd: t, file: true})
	return nil
}

func (v *view) collectDevices() error {
	for _, d := range devices {
		if err := v.addFile("/dev/"+d, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func (v *view) readOnly() error {
	a := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}
	return named("making / read-only", unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &a))
}

// cover lays empty directories over what is private, and over those of our own
// directories that another user could not even pass through.
func (v *view) cover() error {
	all := append(slices.Clone(covers), "/dev")
	if v.orders.UID != 0 {
		for _, b := range v.binds {
			all = append(all, closedAbove(b.path)...)
		}
	}
	slices.Sort(all)
	for _, d := range slices.Compact(all) {
		if !isDir(d) || v.isCovered(d) {
			continue
		}
		if err := unix.Mount("lull", d, "tmpfs", unix.MS_NOSUID, coverOptions(d)); err != nil {
			return named("covering "+d, err)
		}
		v.covers = append(v.covers, d)
	}
	return nil
}

// coverOptions: programs that ignore TMPDIR find a small /tmp of their own in memory.
func coverOptions(dir string) string {
	if dir == "/tmp" || dir == "/var/tmp" {
		return "size=64m,mode=1777"
	}
	return "size=1m,mode=0755"
}

// closedAbove finds the outermost directory above path that others may not enter.
func closedAbove(path string) []string {
	parts := strings.Split(filepath.Dir(path), "/")
	for i := 2; i <= len(parts); i++ {
		dir := strings.Join(parts[:i], "/")
		if fi, err := os.Stat(dir); err == nil && fi.Mode()&0o001 == 0 {
			return []string{dir}
		}
	}
	return nil
}

func (v *view) isCovered(path string) bool {
	return slices.ContainsFunc(v.covers, func(c string) bool { return path == c || strings.HasPrefix(path, c+"/") })
}

// attach puts the clones into the view, outer ones first.
func (v *view) attach() error {
	slices.SortStableFunc(v.binds, func(a, b bind) int { return len(a.path) - len(b.path) })
	for _, b := range v.binds {
		if err := v.place(b); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{"/proc/self/fd": "/dev/fd", "fd/0": "/dev/stdin", "fd/1": "/dev/stdout", "fd/2": "/dev/stderr"} {
		_ = os.Symlink(from, to)
	}
	return os.Mkdir("/dev/shm", 0o1777|os.ModeSticky)
}

func (v *view) place(b bind) error {
	if v.isCovered(b.path) {
		if err := makePoint(b); err != nil {
			return err
		}
	}
	at, err := openBeneath(unix.AT_FDCWD, b.path, unix.O_PATH)
	if err != nil {
		return named("mounting at "+b.path, err)
	}
	defer unix.Close(at)
	err = unix.MoveMount(b.fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	_ = unix.Close(b.fd)
	return named("mounting at "+b.path, err)
}

// makePoint creates a mount point inside one of our covers.
func makePoint(b bind) error {
	if !b.file {
		return os.MkdirAll(b.path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(b.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// seal makes the covers themselves read-only, but for /tmp and /var/tmp; /dev keeps
// a small writable shm.
func (v *view) seal() error {
	shm := unix.Mount("lull", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=16m,mode=1777")
	if shm != nil {
		return named("/dev/shm", shm)
	}
	for _, c := range v.covers {
		if c == "/tmp" || c == "/var/tmp" {
			continue
		}
		a := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(unix.AT_FDCWD, c, 0, &a); err != nil {
			return named("sealing "+c, err)
		}
	}
	return nil
}

func isDir(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.IsDir()
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
