//go:build unix && !linux

package facts

import (
	"context"
	"runtime"

	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
)

var fromGopsutil = &origin{"gopsutil", good}

// portableUnix asks gopsutil for what Windows tells more exactly itself.
type portableUnix struct{}

func (portableUnix) facts() []fact {
	return []fact{load1, freeBytes, totalBytes, uptimeSeconds, virtual}
}

func (portableUnix) collect(ctx context.Context, b *batch) {
	collectLoad(ctx, b)
	collectDisk(ctx, b)
	collectHost(ctx, b)
}

func collectLoad(ctx context.Context, b *batch) {
	if !b.wants(load1) {
		return
	}
	avg, err := load.AvgWithContext(ctx)
	if err != nil {
		b.unknown(load1, err.Error())
		return
	}
	b.number(load1, avg.Load1/float64(runtime.NumCPU()), fromGopsutil)
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
		} else {
			b.unknown(uptimeSeconds, err.Error())
		}
	}
	if b.wants(virtual) {
		storeVirtual(ctx, b)
	}
}

func storeVirtual(ctx context.Context, b *batch) {
	_, role, err := host.VirtualizationWithContext(ctx)
	switch {
	case err != nil:
		b.unknown(virtual, err.Error())
	case role == "":
		b.unknown(virtual, "gopsutil cannot tell")
	default:
		b.bool(virtual, role == "guest", fromGopsutil)
	}
}

func (portableUnix) close() error { return nil }
