//go:build !linux

package facts

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// portable asks gopsutil for what it knows everywhere.
type portable struct {
	rate rate
	last cpu.TimesStat
}

var fromGopsutil = &origin{"gopsutil", good}

func (*portable) facts() []fact {
	return []fact{cores, cpuBusy, load1, memoryAvailable, memoryTotal, freeBytes, totalBytes, uptimeSeconds, virtual}
}

func (p *portable) prime(b *batch) time.Duration {
	if !b.wants(cpuBusy) {
		return 0
	}
	return p.rate.prime(b.now.boot, func() { p.last, _ = cpuTimes() })
}

func (p *portable) collect(ctx context.Context, b *batch) {
	b.int(cores, int64(runtime.NumCPU()), fromGopsutil)
	p.collectCPU(ctx, b)
	collectMemory(ctx, b)
	collectDisk(ctx, b)
	collectHost(ctx, b)
}

func (p *portable) collectCPU(ctx context.Context, b *batch) {
	if b.wants(cpuBusy) && p.rate.due(b.now.boot) {
		now, err := cpuTimes()
		p.rate.set(portableBusy(p.last, now), err == nil, b.now.boot)
		p.last = now
	}
	p.rate.store(b, cpuBusy, fromGopsutil)
	if !b.wants(load1) {
		return
	}
	if avg, err := load.AvgWithContext(ctx); err == nil && runtime.GOOS != "windows" {
		b.number(load1, avg.Load1/float64(runtime.NumCPU()), fromGopsutil)
		return
	}
	b.unknown(load1, "this platform keeps no load average")
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

func collectDisk(ctx context.Context, b *batch) {
	if !b.wantsAny(freeBytes, totalBytes) {
		return
	}
	u, err := disk.UsageWithContext(ctx, existingAncestor(b.path))
	if err != nil {
		b.unknownAll(err.Error(), freeBytes, totalBytes)
		return
	}
	b.int(freeBytes, int64(u.Free), fromGopsutil)
	b.int(totalBytes, int64(u.Total), fromGopsutil)
}

func collectHost(ctx context.Context, b *batch) {
	if b.wants(uptimeSeconds) {
		if up, err := host.UptimeWithContext(ctx); err == nil {
			b.int(uptimeSeconds, int64(up), fromGopsutil)
		}
	}
	if b.wants(virtual) {
		if _, role, err := host.VirtualizationWithContext(ctx); err == nil && role != "" {
			b.bool(virtual, role == "guest", fromGopsutil)
		}
	}
}

func (*portable) close() error { return nil }
