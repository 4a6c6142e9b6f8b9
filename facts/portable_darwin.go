package facts

import (
	"context"
	"fmt"
	"sync"
	"unsafe"

	"github.com/shirou/gopsutil/v3/cpu"
	"golang.org/x/sys/unix"
)

// Without cgo gopsutil knows no processor times here, and starts vm_stat for
// the memory, which lull does not: Mach is asked as C programs do. Like
// iokit_darwin.go, this was never run on a Mac.

var fromPortable = &origin{"host_statistics", good}

// mach is host_statistics64 of this machine.
var mach = sync.OnceValues(func() (func(flavor int32, out unsafe.Pointer, words *uint32) int32, error) {
	var self func() uint32
	var statistics func(host uint32, flavor int32, out unsafe.Pointer, words *uint32) int32
	err := openLibrary("/usr/lib/libSystem.B.dylib", map[string]any{"mach_host_self": &self, "host_statistics64": &statistics})
	if err != nil {
		return nil, err
	}
	host := self() // kept: each call would take a reference of the port
	return func(flavor int32, out unsafe.Pointer, words *uint32) int32 {
		return statistics(host, flavor, out, words)
	}, nil
})

// hostStatistics reads the first words of a flavor (mach/host_info.h).
func hostStatistics(flavor int32, words uint32) ([]uint32, error) {
	ask, err := mach()
	if err != nil {
		return nil, err
	}
	out := make([]uint32, words)
	if code := ask(flavor, unsafe.Pointer(&out[0]), &words); code != 0 {
		return nil, fmt.Errorf("host_statistics64 says %d", code)
	}
	return out[:words], nil
}

// cpuTimes are ticks of all processors together since boot.
func cpuTimes() (cpu.TimesStat, error) {
	const loadInfo, user, system, idle, nice = 3, 0, 1, 2, 3
	t, err := hostStatistics(loadInfo, 4)
	if err != nil || len(t) != 4 {
		return cpu.TimesStat{}, err
	}
	return cpu.TimesStat{User: float64(t[user]), System: float64(t[system]), Idle: float64(t[idle]), Nice: float64(t[nice])}, nil
}

// memoryNow is the memory in bytes that can be used without swapping, and all
// of it: free and inactive pages, as gopsutil counts.
func memoryNow(context.Context) (available, total uint64, err error) {
	const vmInfo64, words, free, inactive = 4, 38, 0, 2
	pages, err := hostStatistics(vmInfo64, words)
	if err != nil {
		return 0, 0, err
	}
	if len(pages) <= inactive {
		return 0, 0, fmt.Errorf("host_statistics64 gives %d words", len(pages))
	}
	total, err = unix.SysctlUint64("hw.memsize")
	return (uint64(pages[free]) + uint64(pages[inactive])) * uint64(unix.Getpagesize()), total, err
}
