package trust

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// writable are the places below which a vendor may write without being called
// unsafe: what the file system hierarchy standard sets aside for add-on
// software and served data.
var writable = []string{"/opt", "/var/opt", "/srv"}

// neverWritable are the places that no vendor file can open: lull's own, and
// those that decide what the machine starts, however little it takes to smuggle
// a driver or a boot entry in by a file.
var neverWritable = []string{
	"/etc/lull", "/run/lull", "/usr/lib/lull", "/var/lib/lull", "/run/systemd", "/proc", "/sys", "/dev", "/boot", "/efi",
	"/lib/modules", "/usr/lib/modules", "/lib/firmware", "/usr/lib/firmware", "/etc/modprobe.d", "/etc/modules-load.d",
	"/etc/udev", "/lib/udev", "/usr/lib/udev", "/usr/lib/dracut", "/etc/initramfs-tools", "/etc/kernel",
	"/etc/systemd", "/lib/systemd", "/usr/lib/systemd", "/etc/sudoers.d", "/etc/pam.d", "/etc/ld.so.conf.d",
	"/etc/cron.d", "/etc/cron.daily", "/etc/cron.hourly", "/etc/cron.weekly", "/etc/cron.monthly",
}

// badDir says why a directory cannot be named in write, "" when it can.
func badDir(dir string) string {
	switch {
	case badText(dir, 1024) != "":
		return badText(dir, 1024)
	case !strings.HasPrefix(dir, "/"):
		return "is not absolute"
	case path.Clean(dir) != dir:
		return "is not clean"
	case dir == "/":
		return "is the whole machine"
	}
	return ""
}

// underAny tells whether dir lies strictly below one of the roots.
func underAny(dir string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return strings.HasPrefix(dir, root+"/") })
}

// within tells whether dir is root or lies below it.
func within(dir, root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") }

// nested tells whether one of the directories contains the other.
func nested(a, b string) bool { return within(a, b) || within(b, a) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
