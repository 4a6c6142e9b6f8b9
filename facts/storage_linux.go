package facts

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// storageCollector knows the volumes that were written to lately. A volume is
// resolved once and again when the mounts change.
type storageCollector struct {
	root     *root
	own      *ownWork
	deadline time.Duration
	changes  *changes
	table    *changeSource
	looked   uint64 // changes of the mount table when it was read
	mounts   []mount
	volumes  map[string]*volume // by target path
	last     *volume            // the one that was asked for last
}

func newStorage(r *root, own *ownWork, deadline time.Duration, c *changes) *storageCollector {
	return &storageCollector{root: r, own: own, deadline: deadline, changes: c, table: mountSource(r), volumes: map[string]*volume{}}
}

func (*storageCollector) facts() []fact { return storageFacts }

var (
	storageFacts = []fact{rotational, queueDepth, ioBusy, freeBytes, totalBytes, readOnly, filesystem}
	fromSysfs    = &origin{"sysfs", good}
	fromVirtual  = &origin{"sysfs of a virtual disk", poor}
	fromStatfs   = &origin{"statfs", good}
	fromMounts   = &origin{"mountinfo", good}
	fromDiskStat = &origin{"block stat", good}
)

// volume is the place a target lies on.
type volume struct {
	target     string // as asked for
	mount      mount
	err        error // why the disks are not known
	disks      []*disk
	rotational bool
	doubtful   bool
	fd         int // O_PATH of the nearest existing directory; -1 = none
	rate       rate
	busy       float64
}

func (s *storageCollector) collect(_ context.Context, b *batch) {
	v := s.volume(b.path, b.now.boot)
	if v.mount.point == "" {
		b.unknownAll(v.err.Error(), storageFacts...)
		return
	}
	if b.wantsAny(filesystem, readOnly) {
		b.text(filesystem, v.mount.kind, fromMounts)
		b.bool(readOnly, !v.mount.writable(), fromMounts)
	}
	s.collectRotational(b, v)
	if b.wantsAny(queueDepth, ioBusy) {
		s.collectLoad(b, v)
	}
	if b.wantsAny(freeBytes, totalBytes) {
		s.collectSpace(b, v)
	}
}

func (s *storageCollector) collectRotational(b *batch, v *volume) {
	switch {
	case v.err == nil && v.doubtful:
		b.bool(rotational, v.rotational, fromVirtual)
	case v.err == nil:
		b.bool(rotational, v.rotational, fromSysfs)
	case errors.Is(v.err, errNoDisk):
		b.bool(rotational, false, fromMounts)
	default:
		b.unknown(rotational, v.err.Error())
	}
}

func (s *storageCollector) collectLoad(b *batch, v *volume) {
	switch {
	case v.err == nil:
	case errors.Is(v.err, errNoDisk):
		b.number(queueDepth, 0, fromMounts)
		b.number(ioBusy, 0, fromMounts)
		return
	default:
		b.unknownAll(v.err.Error(), queueDepth, ioBusy)
		return
	}
	if s.root.captured != nil {
		b.unknownAll("a captured machine stands still", queueDepth, ioBusy)
		return
	}
	if v.rate.due(b) {
		depth, share, ok := v.look(s.own, b.now.boot)
		v.rate.set(depth, ok, b.now.boot)
		v.busy = share
	}
	v.rate.store(b, queueDepth, fromDiskStat)
	if v.rate.ok {
		b.number(ioBusy, v.busy, fromDiskStat)
		return
	}
	b.unknown(ioBusy, "no two usable looks at block stat yet")
}

func (s *storageCollector) collectSpace(b *batch, v *volume) {
	if c := s.root.captured; c != nil {
		space, ok := c.Volumes[v.mount.point]
		if !ok {
			b.unknownAll("the capture has no size of "+v.mount.point, freeBytes, totalBytes)
			return
		}
		b.int(freeBytes, space.Free, fromStatfs)
		b.int(totalBytes, space.Total, fromStatfs)
		return
	}
	st, err := v.statfs(s.deadline)
	if err != nil {
		b.unknownAll("statfs: "+err.Error(), freeBytes, totalBytes)
		return
	}
	b.int(freeBytes, int64(st.Bavail)*st.Bsize, fromStatfs)
	b.int(totalBytes, int64(st.Blocks)*st.Bsize, fromStatfs)
}

// volume finds or resolves the volume of a target.
func (s *storageCollector) volume(target string, now time.Duration) *volume {
	if count := s.changes.since(s.table, now); count != s.looked || s.mounts == nil {
		s.looked = count
		s.forget()
		s.mounts = parseMountinfo(readAll(s.root, "/proc/self/mountinfo"))
	}
	if s.last != nil && s.last.target == target {
		return s.last
	}
	v := s.volumes[target]
	if v == nil {
		if len(s.volumes) > 16 {
			s.forget()
		}
		v = s.resolve(target)
		s.volumes[target] = v
	}
	s.last = v
	return v
}

// resolve finds out what target lies on.
func (s *storageCollector) resolve(target string) *volume {
	v := &volume{target: target, fd: -1}
	dir := s.existing(target)
	m, ok := mountOf(s.mounts, dir)
	if !ok {
		v.err = errors.New("no mount holds " + dir)
		return v
	}
	v.mount = m
	if fd, err := s.root.open(dir, unix.O_PATH|unix.O_DIRECTORY); err == nil {
		v.fd = fd
	}
	r := &resolver{s.root, s.mounts}
	names, err := r.disks(dir, 0)
	if err != nil {
		v.err = err
		return v
	}
	v.addDisks(s.root, r, names)
	return v
}

func (v *volume) addDisks(r *root, by *resolver, names []string) {
	for _, name := range names {
		turns, ok := by.rotates(name)
		if !ok {
			v.err = errors.New("disk " + name + " does not say whether it turns")
		}
		v.rotational = v.rotational || turns
		v.doubtful = v.doubtful || by.doubtful(name)
		v.disks = append(v.disks, &disk{stat: r.keep(blockDir+name+"/stat", 256), device: r.slurp(blockDir + name + "/dev")})
	}
}

// existing is the nearest existing ancestor of target, links resolved.
func (s *storageCollector) existing(target string) string {
	dir := filepath.Clean("/" + target)
	for dir != "/" {
		if s.root.captured != nil && s.root.exists(dir) {
			return dir
		}
		if real, err := filepath.EvalSymlinks(dir); s.root.captured == nil && err == nil {
			return real
		}
		if _, ok := mountOf(s.mounts[min(1, len(s.mounts)):], dir); ok && s.root.captured != nil && slices.ContainsFunc(s.mounts, func(m mount) bool { return m.point == dir }) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// statfs asks the volume's file system, giving up at the deadline where a
// server may hang. The goroutine that hangs with it is one per call at most
// while it does; the volume is asked again only after it answered.
func (v *volume) statfs(deadline time.Duration) (st unix.Statfs_t, err error) {
	if v.fd < 0 {
		return st, os.ErrNotExist
	}
	if !networked(v.mount.kind) {
		return st, unix.Fstatfs(v.fd, &st)
	}
	return within(deadline, func() (unix.Statfs_t, error) {
		var st unix.Statfs_t
		err := unix.Fstatfs(v.fd, &st)
		return st, err
	})
}

func networked(kind string) bool {
	switch kind {
	case "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "virtiofs":
		return true
	}
	return len(kind) > 4 && kind[:4] == "fuse"
}

// within runs f and waits for it at most d.
func within[T any](d time.Duration, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-time.After(d):
		var zero T
		return zero, errors.New("no answer within " + d.String())
	}
}

func (s *storageCollector) forget() {
	for _, v := range s.volumes {
		v.close()
	}
	clear(s.volumes)
	s.last = nil
}

func (v *volume) close() {
	if v.fd >= 0 {
		unix.Close(v.fd)
	}
	for _, d := range v.disks {
		d.stat.close()
	}
}

func (s *storageCollector) close() error {
	s.forget()
	return nil
}

// look reads every disk and returns the averages of the busiest one since the
// look before.
func (v *volume) look(own *ownWork, at time.Duration) (depth, share float64, ok bool) {
	ok = len(v.disks) > 0
	for _, d := range v.disks {
		dd, ds, dok := d.look(own, at)
		ok = ok && dok
		depth, share = math.Max(depth, dd), math.Max(share, ds)
	}
	return depth, share, ok
}

// readAll reads a file of any size.
func readAll(r *root, path string) string {
	f, err := r.file(path, unix.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	data := make([]byte, 0, 16<<10)
	for len(data) < 8<<20 {
		data = slices.Grow(data, 16<<10)
		n, err := unix.Read(int(f.Fd()), data[len(data):cap(data)])
		if n <= 0 || err != nil {
			break
		}
		data = data[:len(data)+n]
	}
	return string(data)
}
