//go:build !linux

package facts

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/mem"
)

// portable asks gopsutil for what it knows everywhere.
type portable struct {
	rate rate
	last cpu.TimesStat
}

var fromGopsutil = &origin{"gopsutil", good}

func (*portable) facts() []fact {
	return []fact{cores, cpuBusy, memoryAvailable, memoryTotal}
}

func (p *portable) prime(b *batch) time.Duration {
	if !b.wants(cpuBusy) {
		return 0
	}
	return p.rate.prime(b.now.boot, func() { p.last, _ = cpuTimes() })
}

func (p *portable) collect(ctx context.Context, b *batch) {
	b.int(cores, int64(runtime.NumCPU()), fromGopsutil)
	p.collectCPU(b)
	collectMemory(ctx, b)
}

func (p *portable) collectCPU(b *batch) {
	if b.wants(cpuBusy) && p.rate.due(b.now.boot) {
		now, err := cpuTimes()
		p.rate.set(portableBusy(p.last, now), err == nil, b.now.boot)
		p.last = now
	}
	p.rate.store(b, cpuBusy, fromGopsutil)
}

func cpuTimes() (cpu.TimesStat, error) {
	all, err := cpu.Times(false)
	if err != nil || len(all) != 1 {
		return cpu.TimesStat{}, err
	}
	return all[0], nil
}

func portableBusy(a, z cpu.TimesStat) float64 {
	total := z.Total() - a.Total()
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
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		b.unknownAll(err.Error(), memoryAvailable, memoryTotal)
		return
	}
	b.int(memoryAvailable, int64(m.Available), fromGopsutil)
	b.int(memoryTotal, int64(m.Total), fromGopsutil)
}

func (*portable) close() error { return nil }
