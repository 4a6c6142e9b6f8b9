package facts

import (
	"time"

	"golang.org/x/sys/unix"
)

func platformCollectors(o *Options) ([]collector, error) {
	open := newRoot
	if o.Live {
		open = newLiveRoot
	}
	r, err := open(o.Root)
	if err != nil {
		return nil, err
	}
	r.looked = o.looked
	if r.captured != nil { // its clock stands still, whatever machine it is looked at on
		up := r.uptime()
		o.boot = func() time.Duration { return up }
	}
	return collectorsOf(r, o), nil
}

func collectorsOf(r *root, o *Options) []collector {
	b := newBus(r, o)
	own := &ownWork{r, o.Own}
	resume := &resumeWatch{captured: r.captured != nil, sleep: new(sleepClock).look}
	changes := &changes{root: r}
	devices := newUevents(changes)
	return []collector{
		newCPU(r, own), newMemory(r), newPressure(r), newStorage(r, own, o.Deadline, changes),
		newPower(r, b, devices), newNetwork(r, b, changes), &hostCollector{r, resume}, &thermalCollector{root: r},
		newPackages(r, changes), &inhibitorCollector{b}, newPresence(r, b, resume, changes, devices, o), sharedCloser{b, changes},
	}
}

// uptime is what /proc/uptime says; 0 when it cannot be read.
func (r *root) uptime() time.Duration {
	v, _, ok := parseDecimal([]byte(r.slurp("/proc/uptime")))
	if !ok || v > 1e9 {
		return 0
	}
	return time.Duration(v * float64(time.Second))
}

// sinceBoot is CLOCK_BOOTTIME: it counts suspend and is never set.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// sleepClock adds up the time that the machine has slept since boot:
// CLOCK_BOOTTIME counts it, CLOCK_MONOTONIC does not (clock_gettime(2)).
type sleepClock struct {
	boot  time.Duration // at the last look
	awake time.Time     // then, on the monotonic clock, which reading costs no system call
	total time.Duration
}

// look returns the total at an instant that is now.
func (c *sleepClock) look(now instant) time.Duration {
	if c.awake.IsZero() {
		var mono unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) == nil {
			c.total = max(0, now.boot-time.Duration(mono.Nano()))
		}
	} else if slept := now.boot - c.boot - now.awake.Sub(c.awake); slept > 100*time.Millisecond {
		c.total += slept // less is the time between two readings
	}
	c.boot, c.awake = now.boot, now.awake
	return c.total
}
