package facts

import "context"

// macOS keeps idle time, power and disks behind IOKit and its own command line
// tools. Without cgo, and because facts starts no programs, the agent of the
// user's session reports idle time; here they are unknown and say so.
func nativeCollectors() []collector { return []collector{darwinUnknown{}} }

type darwinUnknown struct{}

var darwinFacts = []fact{idleSeconds, systemIdleSeconds, locked, busy, busySeconds, sessions, remoteSessions, onAC, powerSource, batteryPercent, saver, rotational, online, unmetered}

func (darwinUnknown) facts() []fact { return darwinFacts }

func (darwinUnknown) collect(_ context.Context, b *batch) {
	b.unknownAll("IOKit is not read without cgo", darwinFacts...)
}

func (darwinUnknown) close() error { return nil }
