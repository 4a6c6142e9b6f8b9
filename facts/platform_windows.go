package facts

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

func nativeCollectors(o *Options) []collector {
	resume := &resumeWatch{sleep: totalSleep}
	return []collector{
		windowsPower{}, windowsThermal{}, &windowsPresence{resume: resume}, &windowsStorage{},
		windowsHost{resume}, &windowsNetwork{question[nlmAnswer]{deadline: o.Deadline}},
	}
}

// sinceBoot is GetTickCount64, which counts sleep and is never set.
func sinceBoot() time.Duration { return windows.DurationSinceBoot() }

var queryUnbiased = kernel32.NewProc("QueryUnbiasedInterruptTime")

// totalSleep is the time this machine has slept since boot, at that instant:
// the unbiased interrupt time does not count sleep.
func totalSleep(now instant) time.Duration {
	var awake uint64 // tenths of microseconds
	if ok, _, _ := queryUnbiased.Call(uintptr(unsafe.Pointer(&awake))); ok == 0 {
		return 0
	}
	return now.boot - time.Duration(awake)*100
}
