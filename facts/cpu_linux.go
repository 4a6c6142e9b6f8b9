package facts

import (
	"bytes"
	"context"
	"math"
	"runtime"
	"time"
)

// cpuCollector reads /proc/stat, /proc/loadavg and the processors online.
type cpuCollector struct {
	root       *root
	stat, load *kept
	own        *ownWork
	cores      int64
	last       cpuLook
	rate       rate
}

// cpuLook is one reading, in clock ticks of 1/100 s.
type cpuLook struct {
	busy, nice, total uint64
	own               float64 // seconds
	at                time.Duration
	ok                bool
}

func newCPU(r *root, own *ownWork) *cpuCollector {
	return &cpuCollector{root: r, stat: r.keep("/proc/stat", 512), load: r.keep("/proc/loadavg", 64), own: own}
}

func (*cpuCollector) facts() []fact { return cpuFacts }

var cpuFacts = []fact{cores, cpuBusy, load1}

var (
	fromCPUs    = &origin{"sysfs", good}
	fromStat    = &origin{"/proc/stat", good}
	fromLoadavg = &origin{"/proc/loadavg", good}
)

func (c *cpuCollector) collect(_ context.Context, b *batch) {
	if b.wantsAny(cores, load1) {
		c.collectCores(b)
	}
	if b.wants(load1) {
		c.collectLoad(b)
	}
	if b.wants(cpuBusy) {
		c.collectBusy(b)
	}
}

func (c *cpuCollector) collectCores(b *batch) {
	if c.cores == 0 {
		c.cores = countCPUs(c.root.slurp("/sys/devices/system/cpu/online"))
		if c.root.captured == nil && c.cores > 0 {
			c.cores = min(c.cores, int64(runtime.NumCPU())) // the affinity mask
		}
	}
	if c.cores == 0 {
		b.unknown(cores, "/sys/devices/system/cpu/online cannot be read")
		return
	}
	b.int(cores, c.cores, fromCPUs)
}

func (c *cpuCollector) collectLoad(b *batch) {
	data, err := c.load.read()
	if err != nil {
		b.unknown(load1, whyNot(c.load.path, err))
		return
	}
	avg, _, ok := parseDecimal(data)
	if !ok || c.cores == 0 {
		b.unknown(load1, "/proc/loadavg or the number of cores cannot be read")
		return
	}
	b.number(load1, avg/float64(c.cores), fromLoadavg)
}

func (c *cpuCollector) collectBusy(b *batch) {
	if c.root.captured != nil {
		b.unknown(cpuBusy, "a captured machine stands still")
		return
	}
	if c.rate.due(b) {
		now := c.look(b.now.boot)
		c.rate.set(busyShare(c.last, now, float64(max(1, c.cores))), now.ok && c.last.ok, b.now.boot)
		c.last = now
	}
	c.rate.store(b, cpuBusy, fromStat)
}

func (c *cpuCollector) look(at time.Duration) cpuLook {
	data, err := c.stat.read()
	if err != nil {
		return cpuLook{}
	}
	busy, nice, total, ok := parseCPUStat(data)
	return cpuLook{busy, nice, total, c.own.cpuSeconds(), at, ok}
}

// busyShare is the share of all processors' time between two looks that was
// neither idle nor lull's own. What lull runs at the lowest priority is not among
// the busy time in the first place, and is not taken off it again; nor is as much
// where others ran so, which is never too calm.
func busyShare(a, z cpuLook, cpus float64) float64 {
	total := float64(z.total) - float64(a.total)
	if total <= 0 || z.busy < a.busy {
		return math.NaN()
	}
	own := max(0, z.own-a.own) / (cpus * max(0.001, (z.at-a.at).Seconds()))
	nice := max(0, float64(z.nice)-float64(a.nice)) / total
	return min(1, max(0, float64(z.busy-a.busy)/total-max(0, own-nice)))
}

// parseCPUStat returns the busy, the nice'd and all ticks of the first line of
// /proc/stat (proc(5)): user nice system idle iowait irq softirq steal. Guest
// time is part of user time already.
func parseCPUStat(data []byte) (busy, nice, total uint64, ok bool) {
	l, _ := line(data)
	l, ok = bytes.CutPrefix(l, []byte("cpu "))
	for i := 0; ok && i < 8; i++ {
		var v uint64
		v, l, ok = parseUint(l)
		total += v
		switch i {
		case 1:
			nice = v
		case 3, 4: // idle, iowait
		default:
			busy += v
		}
	}
	return busy, nice, total, ok
}

// countCPUs counts a kernel CPU list such as "0-3,6"; 0 when it is none.
func countCPUs(list string) int64 {
	var n int64
	for rest := []byte(list); ; rest = rest[1:] {
		from, tail, ok := parseUint(rest)
		if !ok {
			return 0
		}
		to := from
		if len(tail) > 0 && tail[0] == '-' {
			to, tail, ok = parseUint(tail[1:])
		}
		if !ok || to < from || to > 1<<16 {
			return 0
		}
		n += int64(to-from) + 1
		if rest = tail; len(rest) == 0 {
			return n
		}
		if rest[0] != ',' {
			return 0
		}
	}
}

func (c *cpuCollector) close() error {
	c.stat.close()
	c.load.close()
	return nil
}
