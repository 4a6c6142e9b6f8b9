package facts

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

func nativeCollectors(o *Options) []collector {
	resume := &resumeWatch{sleep: totalSleep}
	return []collector{
		portableUnix{}, &darwinPower{question[macPower]{deadline: o.Deadline}},
		&darwinPresence{resume: resume, registry: question[macPresence]{deadline: o.Deadline}},
		&darwinStorage{question[macDisk]{deadline: o.Deadline}}, darwinHost{resume},
	}
}

// darwinHost knows when the machine woke, and whether it is a real one.
type darwinHost struct{ resume *resumeWatch }

var fromSysctl = &origin{"kern.hv_vmm_present", good}

func (darwinHost) facts() []fact { return []fact{sinceResume, virtual} }

func (h darwinHost) collect(_ context.Context, b *batch) {
	h.resume.store(b)
	if guest, err := unix.SysctlUint32("kern.hv_vmm_present"); err != nil {
		b.unknown(virtual, "sysctl kern.hv_vmm_present: "+err.Error())
	} else {
		b.bool(virtual, guest != 0, fromSysctl)
	}
}

func (darwinHost) close() error { return nil }

// sinceBoot is CLOCK_MONOTONIC_RAW, which on macOS counts sleep and is never
// set (clock_gettime(3)).
func sinceBoot() time.Duration { return darwinClock(unix.CLOCK_MONOTONIC_RAW) }

// totalSleep is the time this machine has slept since boot, at that instant:
// CLOCK_UPTIME_RAW does not count sleep.
func totalSleep(now instant) time.Duration {
	return now.boot - darwinClock(unix.CLOCK_UPTIME_RAW)
}

func darwinClock(id int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(id, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
