package facts

import (
	"context"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	gdisk "github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
	"golang.org/x/sys/unix"
)

// hot are the facts that are read at every decision from files of the kernel.
var hot = Wanted([]string{"facts.cpu", "facts.memory.available_bytes", "facts.pressure", "facts.storage", "facts.host.uptime_seconds"})

func hotGatherer(tb testing.TB) *Gatherer {
	tb.Helper()
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { g.Close() })
	g.Snapshot(context.Background(), hot, Target{Path: "/"})
	return g
}

func BenchmarkSnapshot(b *testing.B) {
	g := hotGatherer(b)
	b.ReportAllocs()
	for b.Loop() {
		g.Snapshot(context.Background(), hot, Target{Path: "/"})
	}
}

// BenchmarkBareSystemCalls makes the same system calls and looks at nothing.
func BenchmarkBareSystemCalls(b *testing.B) {
	var fds []int
	for _, path := range []string{"/proc/loadavg", "/proc/meminfo", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"} {
		fd, err := unix.Open(path, unix.O_RDONLY, 0)
		if err != nil {
			b.Skip(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	mounts, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY, 0)
	if err != nil {
		b.Skip(err)
	}
	defer unix.Close(mounts)
	dir, err := unix.Open("/", unix.O_PATH, 0)
	if err != nil {
		b.Skip(err)
	}
	defer unix.Close(dir)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		for _, fd := range fds {
			_, _ = unix.Pread(fd, buf, 0)
		}
		poll := [1]unix.PollFd{{Fd: int32(mounts), Events: unix.POLLPRI}}
		_, _ = unix.Poll(poll[:], 0)
		var st unix.Statfs_t
		_ = unix.Fstatfs(dir, &st)
	}
}

// BenchmarkGopsutil asks gopsutil for what it has of the same.
func BenchmarkGopsutil(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = load.Avg()
		_, _ = mem.VirtualMemory()
		_, _ = cpu.Times(false)
		_, _ = gdisk.IOCounters()
		_, _ = cpu.Counts(true)
		_, _ = gdisk.Usage("/")
	}
}

func TestASnapshotOfHotFactsAllocatesOnce(t *testing.T) {
	g := hotGatherer(t)
	time.Sleep(minLook)
	if n := testing.AllocsPerRun(50, func() { g.Snapshot(context.Background(), hot, Target{Path: "/"}) }); n > 1 {
		t.Errorf("got %v allocations, want at most 1", n)
	}
}

func TestGopsutilAgrees(t *testing.T) {
	g := hotGatherer(t)
	s := g.Snapshot(context.Background(), hot, Target{Path: "/"})
	m, err := mem.VirtualMemory()
	if err != nil {
		t.Skip(err)
	}
	u, err := gdisk.Usage("/")
	if err != nil {
		t.Skip(err)
	}
	for id, want := range map[ID]uint64{"memory.available_bytes": m.Available, "storage.free_bytes": u.Free, "storage.total_bytes": u.Total} {
		got, _ := s.Get(id).V.(int64)
		if diff := float64(got) - float64(want); diff > 2e9 || diff < -2e9 {
			t.Errorf("%s: got %d, gopsutil says %d", id, got, want)
		}
	}
}
