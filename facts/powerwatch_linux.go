package facts

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"
)

func (p *powerCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	var sources sync.WaitGroup
	if anyWanted(want, supplyFacts) {
		sources.Go(func() { watchUevents(ctx, "power_supply", func() { wake(supplyFacts...) }) })
		sources.Go(func() { p.bus.watch(ctx, upowerName, func() { wake(supplyFacts...) }) })
	}
	if want[saver] {
		sources.Go(func() { p.bus.watch(ctx, profilesName, func() { wake(saver) }) })
		sources.Go(func() { watchAttribute(ctx, p.root, platformProfile, func() { wake(saver) }) })
	}
	if want[lidClosed] {
		sources.Go(func() { p.bus.watch(ctx, logindName, func() { wake(lidClosed) }) })
	}
	sources.Wait()
}

var supplyFacts = []fact{onAC, powerSource, batteryPercent}

// watchAttribute wakes when the kernel says that a file of sysfs has changed
// (sysfs_notify). Without the file nothing can.
func watchAttribute(ctx context.Context, r *root, path string, wake func()) {
	if r.captured != nil || !r.exists(path) {
		<-ctx.Done()
		return
	}
	keepWatching(ctx, path, nil, wake, func(ctx context.Context, up func()) error {
		fd, err := r.open(path, unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var buf [64]byte
		read := func() error { _, err := unix.Pread(fd, buf[:], 0); return err } // what was read is not told of again
		if err := read(); err != nil {
			return err
		}
		return watchExceptional(ctx, fd, up, func() {
			_ = read()
			wake()
		})
	})
}
