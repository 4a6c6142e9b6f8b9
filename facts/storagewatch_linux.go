package facts

import (
	"context"

	"golang.org/x/sys/unix"
)

// mountFacts change with the mounts; how busy a disk is, and how full, nobody
// tells.
var mountFacts = []fact{rotational, readOnly, filesystem, freeBytes, totalBytes}

// watch wakes when something is mounted, unmounted or mounted anew: the mount
// table polls as exceptional (proc(5)).
func (s *storageCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	if s.root.captured != nil || !anyWanted(want, mountFacts) {
		<-ctx.Done()
		return
	}
	told := func() { wake(mountFacts...) }
	keepWatching(ctx, "the mount table", nil, told, func(ctx context.Context, up func()) error {
		fd, err := s.root.open("/proc/self/mountinfo", unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return watchExceptional(ctx, fd, up, told)
	})
}
