package facts

import (
	"context"
	"math"
	"os"
	"runtime"
	"slices"
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
// container's answer cheap is left out. By its clock each snapshot is so long after
// the last that rates are looked at each time, as they are where it waits for
// something: in a closed loop nobody would look at the processors or the disk.
func hotGatherer(tb testing.TB) *Gatherer {
	tb.Helper()
	pty(tb)
	var passed time.Duration
	o := Options{SystemBus: busWithASession(tb), boot: func() time.Duration {
		passed += minLook
		return sinceBoot() + passed
	}}
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
// time that the two took: on a machine whose speed drifts both drift alike. The
// median turn counts: once a minute, in one turn of five, everything is looked up
// anew.
func BenchmarkSnapshot(b *testing.B) {
	g := hotGatherer(b)
	bare := bareCalls(g)
	runtime.LockOSThread() // the clock is the thread's
	defer runtime.UnlockOSThread()
	var ours, least []time.Duration
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
		ours, least = append(ours, half-began), append(least, threadTime()-half)
	}
	slices.Sort(ours)
	slices.Sort(least)
	middle := len(ours) / 2
	b.ReportMetric(float64(ours[middle])/float64(least[middle]), "ratio")
	b.ReportMetric(float64(ours[middle])/turn, "cpu-ns/snapshot")
	b.ReportMetric(float64(least[middle])/turn, "cpu-ns/bare")
	b.ReportMetric(leastAllocs(g, testing.AllocsPerRun), "allocs/op")
}

// leastAllocs is how often a snapshot allocates, by one count of many: but for the
// one a minute that looks everything up anew.
func leastAllocs(g *Gatherer, count func(runs int, f func()) float64) float64 {
	least := math.Inf(1)
	for range 20 {
		least = min(least, count(50, func() { g.Snapshot(context.Background(), hot, Target{Path: "/"}) }))
	}
	return least
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// bareCalls makes the system calls that a snapshot makes, on the descriptors
// that g holds, without looking at what they say. Sysfs has no power supply or
// sensor here.
func bareCalls(g *Gatherer) func() {
	var locks, nodes, rates []int
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
			for _, d := range c.volumes["/"].disks {
				rates = append(rates, d.stat.fd)
			}
		case *cpuCollector:
			rates = append(rates, c.stat.fd)
		case *presenceCollector:
			for _, i := range c.nodes.used {
				nodes = append(nodes, c.nodes.all[i].fd)
			}
		}
	}
	ready, buf := make([]unix.EpollEvent, sources), make([]byte, 512)
	return func() {
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
		_, _ = unix.EpollWait(events, ready, 0)
		var space unix.Statfs_t
		_ = unix.Fstatfs(volume, &space)
		for _, fd := range rates {
			_, _ = unix.Pread(fd, buf, 0)
		}
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
