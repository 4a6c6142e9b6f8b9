package facts

import (
	"time"

	"golang.org/x/sys/unix"
)

func platformCollectors(o *Options) ([]collector, error) {
	r, err := newRoot(o.Root)
	if err != nil {
		return nil, err
	}
	b := newBus(r, o)
	own := &ownWork{r, o.Own}
	resume := &resumeWatch{captured: r.captured != nil, sleep: totalSleep}
	return []collector{
		newCPU(r, own), newMemory(r), newPressure(r), newStorage(r, own, o.Deadline),
		&powerCollector{r, b}, &networkCollector{r, b}, &hostCollector{r, resume}, &thermalCollector{root: r},
		&packagesCollector{r}, &inhibitorCollector{b}, newPresence(r, b, resume, o), busCloser{b},
	}, nil
}

// sinceBoot is CLOCK_BOOTTIME: it counts suspend and is never set.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
