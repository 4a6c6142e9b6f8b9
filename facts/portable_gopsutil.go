//go:build !linux && !darwin

package facts

import (
	"context"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/mem"
)

var fromPortable = &origin{"gopsutil", good}

func cpuTimes() (cpu.TimesStat, error) {
	all, err := cpu.Times(false)
	if err != nil || len(all) != 1 {
		return cpu.TimesStat{}, err
	}
	return all[0], nil
}

// memoryNow is the memory in bytes that can be used without swapping, and all of it.
func memoryNow(ctx context.Context) (available, total uint64, err error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return 0, 0, err
	}
	return m.Available, m.Total, nil
}
