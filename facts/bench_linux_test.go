package facts

import (
	"context"
	"os"
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

// hot are the facts that the default policies read; a test of the engine keeps
// the list.
var hot = func() Set {
	list, err := os.ReadFile("testdata/default-policies.txt")
	if err != nil {
		panic(err)
	}
	return Wanted(strings.Fields(string(list)))
}()

// hotGatherer looks at this machine as if it were a whole one: what makes a
// container's answer cheap is left out.
func hotGatherer(tb testing.TB) *Gatherer {
	tb.Helper()
	pty(tb)
	o := Options{SystemBus: busWithASession(tb)}
	o.setDefaults()
	r, err := newRoot("/")
	if err != nil {
		tb.Fatal(err)
	}
	r.container = func() bool { return false }
	g := newGatherer(o, collectorsOf(r, &o))
	tb.Cleanup(func() { g.Close() })
	g.Snapshot(context.Background(), hot, Target{Path: "/"})
	return g
}

// busWithASession is a system bus with a session manager and somebody logged
// in.
func busWithASession(tb testing.TB) string {
	bus := newTestBus(tb)
	bus.Mock("logind", logindName)
	bus.Call(logindName, "/org/freedesktop/login1", "org.freedesktop.DBus.Mock.AddSession", "c1", "seat0", uint32(1000), "alice", true)
	return bus.Addr
}

// BenchmarkSnapshot takes snapshots and makes the same system calls without
// looking at what they say, in turn, and reports the ratio of the processor
// time that the two took: on a machine whose speed drifts both drift alike.
func BenchmarkSnapshot(b *testing.B) {
	g := hotGatherer(b)
	bare := bareCalls(g)
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

// bareCalls makes the system calls that a snapshot makes, on the descriptors
// that g holds, without looking at what they say. Rates are looked at five
// times a second at most, and sysfs has no power supply or sensor here.
func bareCalls(g *Gatherer) func() {
	var locks, nodes []int
	var events, sources, volume int
	for _, c := range g.collectors {
		switch c := c.(type) {
		case sharedCloser:
			events, sources = c.changes.set, len(c.changes.sources)
		case *packagesCollector:
			for _, l := range c.files {
				locks = append(locks, l.fd)
			}
		case *storageCollector:
			volume = c.volumes["/"].fd
		case *presenceCollector:
			for _, i := range c.nodes.used {
				nodes = append(nodes, c.nodes.all[i].fd)
			}
		}
	}
	ready := make([]unix.EpollEvent, sources)
	return func() {
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
		_, _ = unix.EpollWait(events, ready, 0)
		var space unix.Statfs_t
		_ = unix.Fstatfs(volume, &space)
		for _, fd := range locks {
			lock := unix.Flock_t{Type: unix.F_RDLCK}
			_ = unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock)
		}
		for _, fd := range nodes {
			var node unix.Stat_t
			_ = unix.Fstat(fd, &node)
		}
	}
}

// BenchmarkGopsutil asks gopsutil for what it has of the same, and for what it
// has instead: the load, memory.
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
