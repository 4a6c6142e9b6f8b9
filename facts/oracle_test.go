package facts

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/shirou/gopsutil/v3/cpu"
	gdisk "github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/mem"
)

// gopsutil reads the same machine by other code: where it has an answer, ours
// must agree.

func everything(t *testing.T, target string) Snapshot {
	t.Helper()
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	return g.Snapshot(context.Background(), Wanted([]string{"facts.host", "facts.memory", "facts.cpu.cores", "facts.storage"}), Target{Path: target})
}

// near reports whether two numbers of what changes all the time are alike.
func near(got any, want, slack uint64) bool {
	n, ok := got.(int64)
	return ok && n >= 0 && uint64(n) <= want+slack && uint64(n)+slack >= want
}

func TestGopsutilAgreesAboutTheMachine(t *testing.T) {
	s := everything(t, t.TempDir())
	up, err := host.Uptime()
	if err != nil || !near(s.Get("host.uptime_seconds").V, up, 30) {
		t.Errorf("uptime: got %v, gopsutil says %d s (%v)", s.Get("host.uptime_seconds"), up, err)
	}
	m, err := mem.VirtualMemory()
	if err != nil || !near(s.Get("memory.available_bytes").V, m.Available, 2e9) || !near(s.Get("memory.total_bytes").V, m.Total, 0) {
		t.Errorf("memory: got %v of %v, gopsutil says %d of %d (%v)", s.Get("memory.available_bytes"), s.Get("memory.total_bytes"), m.Available, m.Total, err)
	}
	if n, err := cpu.Counts(true); err != nil || !near(s.Get("cpu.cores").V, uint64(n), 0) {
		// A cgroup or an affinity mask may leave lull fewer.
		if got, _ := s.Get("cpu.cores").V.(int64); err != nil || got < 1 || got > int64(n) {
			t.Errorf("cores: got %v, gopsutil says %d (%v)", s.Get("cpu.cores"), n, err)
		}
	}
	_, role, err := host.Virtualization()
	if runtime.GOOS == "windows" {
		if err == nil {
			t.Error("gopsutil knows about virtual machines here now: compare it")
		}
		return
	}
	if guest := s.Get("host.virtual").V == true || s.Get("host.container").V == true; err != nil || role == "guest" && !guest || role == "host" && s.Get("host.virtual").V == true {
		t.Errorf("virtual %v, container %v, gopsutil says %q (%v)", s.Get("host.virtual").V, s.Get("host.container").V, role, err)
	}
}

// Every mounted file system is asked about by the path it is mounted on. Of
// several on one path the last is seen.
func TestGopsutilAgreesAboutEveryMount(t *testing.T) {
	all, err := gdisk.Partitions(true)
	if err != nil || len(all) == 0 {
		t.Fatalf("gopsutil knows no mount: %v", err)
	}
	kinds := map[string]string{}
	for _, p := range all {
		kinds[p.Mountpoint] = strings.ToLower(p.Fstype)
	}
	compared := 0
	for point, kind := range kinds {
		u, err := gdisk.Usage(point)
		if err != nil || kind == "" || kind == "autofs" {
			continue // not for us to look into
		}
		s := everything(t, point)
		if runtime.GOOS == "linux" || runtime.GOOS == "windows" {
			if got := s.Get("storage.filesystem"); got.V != kind {
				t.Errorf("%s: got %v (%s), gopsutil says %s", point, got.V, got.Why, kind)
			}
		}
		if got := s.Get("storage.total_bytes"); !near(got.V, u.Total, 0) {
			t.Errorf("%s: got %v (%s) bytes, gopsutil says %d", point, got.V, got.Why, u.Total)
		}
		compared++
	}
	if compared == 0 {
		t.Error("no mount was compared")
	}
}
