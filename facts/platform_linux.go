package facts

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

func platformCollectors(o *Options) ([]collector, error) {
	return nil, nil
}

// sinceBoot is CLOCK_BOOTTIME: it counts suspend and is never set.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// watchDir calls wake when something in dir changed.
func watchDir(ctx context.Context, dir string, wake func()) { <-ctx.Done() }
