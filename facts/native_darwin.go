package facts

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// macOS keeps idle time, power and disks behind IOKit and its own command line
// tools. Without cgo, and because facts starts no programs, the agent of the
// user's session reports idle time; here they are unknown and say so.
func nativeCollectors(*Options) []collector { return []collector{portableUnix{}, darwinUnknown{}} }

type darwinUnknown struct{}

var darwinFacts = []fact{idleSeconds, systemIdleSeconds, locked, busy, busySeconds, sessions, remoteSessions, onAC, powerSource, batteryPercent, saver, rotational, online, unmetered}

func (darwinUnknown) facts() []fact { return darwinFacts }

func (darwinUnknown) collect(_ context.Context, b *batch) {
	b.unknownAll("IOKit is not read without cgo", darwinFacts...)
}

func (darwinUnknown) close() error { return nil }

// sinceBoot is CLOCK_MONOTONIC_RAW, which on macOS counts sleep and is never set.
func sinceBoot() time.Duration { return darwinClock(unix.CLOCK_MONOTONIC_RAW) }

func darwinClock(id int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(id, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
