package facts

import (
	"context"
	"path"

	"golang.org/x/sys/unix"
)

// packagesCollector asks whether somebody holds a package manager's lock. It
// never creates a lock file and never takes a lock.
type packagesCollector struct {
	root    *root
	changes *changes
	locks   []string // files that are locked
	mark    string   // file that exists only while a manager works
	names   *changeSource
	looked  lookup
	files   []lockFile
	marked  bool // mark is there
}

// lockFile is a lock that exists, or cannot be asked.
type lockFile struct {
	path string
	fd   int
	err  error
}

func newPackages(r *root, c *changes) *packagesCollector {
	return packagesOf(r, c, lockFiles, existsLock)
}

func packagesOf(r *root, c *changes, locks []string, mark string) *packagesCollector {
	p := &packagesCollector{root: r, changes: c, locks: locks, mark: mark}
	p.names = dirSource(p.dirs()...)
	return p
}

// dirs are where lock files appear.
func (p *packagesCollector) dirs() []string {
	dirs := []string{p.root.at(path.Dir(p.mark))}
	for _, lock := range p.locks {
		dirs = append(dirs, p.root.at(path.Dir(lock)))
	}
	return dirs
}

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
		if c.PackageLocked == nil {
			b.unknown(packagesLocked, "the locks could not be read when the machine was captured")
			return
		}
		b.bool(packagesLocked, *c.PackageLocked, fromLocks)
		return
	}
	if p.looked.due(b.now.boot, p.changes.since(p.names, b.now.boot)) {
		p.find()
	}
	held, why := p.locked()
	if why != "" && !held {
		b.unknown(packagesLocked, why)
		return
	}
	b.bool(packagesLocked, held, fromLocks)
}

// locked asks every lock; why says which could not be.
func (p *packagesCollector) locked() (held bool, why string) {
	held = p.marked
	for i := range p.files {
		h, err := p.files[i].held()
		held = held || h
		if err != nil {
			why = whyNot(p.files[i].path, err)
		}
	}
	return held, why
}

// find opens the locks that exist. To have one open is not to hold it, and
// keeps nobody from taking it.
func (p *packagesCollector) find() {
	p.forget()
	p.marked = p.root.exists(p.mark)
	for _, path := range p.locks {
		fd, err := p.root.open(path, unix.O_RDONLY)
		if err != unix.ENOENT {
			p.files = append(p.files, lockFile{path, fd, err})
		}
	}
}

// held reports whether another process holds a write lock on the file.
func (l *lockFile) held() (bool, error) {
	if l.err != nil {
		return false, l.err
	}
	lock := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_GETLK, &lock); err != nil {
		return false, err
	}
	return lock.Type != unix.F_UNLCK, nil
}

func (p *packagesCollector) forget() {
	for _, l := range p.files {
		if l.err == nil {
			unix.Close(l.fd)
		}
	}
	p.files = p.files[:0]
}

func (p *packagesCollector) close() error { p.forget(); return nil }
