package facts

import (
	"context"
	"runtime"
	"strings"
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

// BenchmarkSnapshot takes snapshots and makes the same system calls without
// looking at what they say, in turn, and reports the ratio of the processor
// time that the two took: on a machine whose speed drifts both drift alike.
func BenchmarkSnapshot(b *testing.B) {
	g := hotGatherer(b)
	bare := bareCalls(b)
	runtime.LockOSThread() // the clock is the thread's
	defer runtime.UnlockOSThread()
	var ours, least time.Duration
	const turn = 64
	b.ReportAllocs()
	for b.Loop() {
		began := threadTime()
		for range turn {
			g.Snapshot(context.Background(), hot, Target{Path: "/"})
		}
		half := threadTime()
		for range turn {
			bare()
		}
		ours, least = ours+half-began, least+threadTime()-half
	}
	b.ReportMetric(float64(ours)/float64(least), "ratio")
	b.ReportMetric(float64(ours)/float64(b.N*turn), "cpu-ns/snapshot")
	b.ReportMetric(float64(least)/float64(b.N*turn), "cpu-ns/bare")
	b.ReportMetric(testing.AllocsPerRun(100, func() { g.Snapshot(context.Background(), hot, Target{Path: "/"}) }), "allocs/op")
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// bareCalls makes the system calls that a snapshot of the hot facts makes, as
// strace lists them: rates are looked at twice a second at most.
func bareCalls(b testing.TB) func() {
	open := func(path string, flags int) int {
		fd, err := unix.Open(path, flags, 0)
		if err != nil {
			b.Skip(path, err)
		}
		b.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	var fds []int
	for _, path := range []string{"/proc/loadavg", "/proc/meminfo", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"} {
		fds = append(fds, open(path, unix.O_RDONLY))
	}
	mounts, dir := open("/proc/self/mountinfo", unix.O_RDONLY), open("/", unix.O_PATH)
	buf := make([]byte, 4096)
	return func() {
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
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

// What asks once, as `lull facts` does, takes the two looks that a rate needs
// within its one snapshot.
func TestOneSnapshotKnowsRates(t *testing.T) {
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := g.Snapshot(context.Background(), hot, Target{Path: "/"})
	for _, id := range []ID{"cpu.busy_ratio", "storage.io_queue_depth", "storage.io_busy_ratio"} {
		if v := s.Get(id); v.State == Unknown && strings.Contains(v.Why, "usable looks") {
			t.Errorf("%s: %s", id, v.Why)
		}
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
