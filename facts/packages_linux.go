package facts

import (
	"context"

	"golang.org/x/sys/unix"
)

// packagesCollector asks whether somebody holds a package manager's lock. It
// never creates a lock file and never takes a lock.
type packagesCollector struct{ root *root }

func (*packagesCollector) facts() []fact { return []fact{packagesLocked} }

// lockFiles are locked with fcntl by dpkg and apt, rpm (and dnf, zypper with it).
var lockFiles = []string{
	"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock",
	"/usr/lib/sysimage/rpm/.rpm.lock", "/var/lib/rpm/.rpm.lock", "/run/zypp.pid",
}

// existsLock exists only while pacman works.
const existsLock = "/var/lib/pacman/db.lck"

var fromLocks = &origin{"package lock files", good}

func (p *packagesCollector) collect(_ context.Context, b *batch) {
	if c := p.root.captured; c != nil {
		b.bool(packagesLocked, c.PackageLocked, fromLocks)
		return
	}
	held, why := p.root.exists(existsLock), ""
	for _, path := range lockFiles {
		h, err := lockHeld(p.root, path)
		held = held || h
		if err != nil && err != unix.ENOENT {
			why = whyNot(path, err)
		}
	}
	if why != "" && !held {
		b.unknown(packagesLocked, why)
		return
	}
	b.bool(packagesLocked, held, fromLocks)
}

// lockHeld reports whether another process holds a write lock on the file.
func lockHeld(r *root, path string) (bool, error) {
	fd, err := r.open(path, unix.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	lock := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock); err != nil {
		return false, err
	}
	return lock.Type != unix.F_UNLCK, nil
}

func (*packagesCollector) close() error { return nil }
