//go:build !linux

package facts

import (
	"context"
	"math"
	"runtime"

	"github.com/shirou/gopsutil/v3/cpu"
)

// portable knows about processors and memory, by gopsutil or by the system's
// own calls.
type portable struct {
	rate rate
	last cpu.TimesStat
}

var fromRuntime = &origin{"affinity mask", good}

func (*portable) facts() []fact {
	return []fact{cores, cpuBusy, memoryAvailable, memoryTotal}
}

func (p *portable) collect(ctx context.Context, b *batch) {
	b.int(cores, int64(runtime.NumCPU()), fromRuntime)
	p.collectCPU(b)
	collectMemory(ctx, b)
}

func (p *portable) collectCPU(b *batch) {
	if b.wants(cpuBusy) && p.rate.due(b) {
		now, err := cpuTimes()
		p.rate.set(portableBusy(p.last, now), err == nil, b.now.boot)
		p.last = now
	}
	p.rate.store(b, cpuBusy, fromPortable)
}

func portableBusy(a, z cpu.TimesStat) float64 {
	sum := func(t cpu.TimesStat) float64 { // guests' time is part of User
		return t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
	}
	total := sum(z) - sum(a)
	if total <= 0 {
		return math.NaN()
	}
	calm := z.Idle - a.Idle + z.Iowait - a.Iowait + z.Nice - a.Nice
	return min(1, max(0, 1-calm/total))
}

func collectMemory(ctx context.Context, b *batch) {
	if !b.wantsAny(memoryAvailable, memoryTotal) {
		return
	}
	available, total, err := memoryNow(ctx)
	if err != nil {
		b.unknownAll(err.Error(), memoryAvailable, memoryTotal)
		return
	}
	b.int(memoryAvailable, int64(available), fromPortable)
	b.int(memoryTotal, int64(total), fromPortable)
}

func (*portable) close() error { return nil }
