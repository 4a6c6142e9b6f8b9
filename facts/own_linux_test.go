package facts

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// rewrite changes a planted file in place, as the kernel's change.
func rewrite(t *testing.T, r *root, name, text string) {
	t.Helper()
	if err := os.WriteFile(r.at(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhatLullsOwnActionsUseIsReadWhereTheyRun(t *testing.T) {
	r := plant(t, map[string]string{
		"sys/fs/cgroup/lull.slice/a1/cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
		"sys/fs/cgroup/lull.slice/a1/io.stat":  "8:0 rbytes=1000 wbytes=200 rios=9 wios=9 dbytes=5 dios=1\n8:16 rbytes=70000 wbytes=0\n",
		"proc/7/stat":                          "7 (a b) R 1 1 1 1 1 1 1 1 1 1 150 50 3 4 5\n",
		"proc/7/io":                            "rchar: 5\nread_bytes: 30\nwrite_bytes: 4\n",
	})
	for name, c := range map[string]struct {
		own     Own
		seconds float64
		bytes   uint64
	}{
		"in a cgroup":        {Own{Cgroups: []string{"lull.slice/a1"}}, 1.5, 1200},
		"without one":        {Own{PIDs: []int{7}}, 2, 34},
		"both":               {Own{Cgroups: []string{"lull.slice/a1"}, PIDs: []int{7}}, 3.5, 1234},
		"one that has ended": {Own{Cgroups: []string{"lull.slice/a2"}, PIDs: []int{8}}, 0, 0},
		"nothing of its own": {Own{}, 0, 0},
	} {
		o := &ownWork{r, func() Own { return c.own }}
		if seconds, bytes := o.cpuSeconds(), o.ioBytes("8:0"); seconds != c.seconds || bytes != c.bytes {
			t.Errorf("%s: got %v s and %d bytes, want %v and %d", name, seconds, bytes, c.seconds, c.bytes)
		}
	}
}

// Through the storage facts' own look: a disk that is busy with nothing but
// lull's action is calm.
func TestADiskThatIsBusyForLullIsCalm(t *testing.T) {
	const stat, io = "/sys/block/sda/stat", "/sys/fs/cgroup/lull.slice/a1/io.stat"
	for name, c := range map[string]struct {
		own         string
		depth, busy float64
	}{
		"all of it is lull's": {"8:0 rbytes=4096000 wbytes=0\n", 0, 0},
		"none of it is":       {"8:16 rbytes=4096000 wbytes=0\n", 2, 0.5},
	} {
		r := plant(t, map[string]string{stat: "0 0 0 0 0 0 0 0 0 0 0\n", io: "8:0 rbytes=0 wbytes=0\n"})
		v := &volume{disks: []*disk{{stat: r.keep(stat, 256), device: "8:0"}}}
		own := &ownWork{r, func() Own { return Own{Cgroups: []string{"lull.slice/a1"}} }}
		v.look(own, time.Second)
		rewrite(t, r, stat, "10 0 8000 0 0 0 0 0 0 500 2000\n")
		rewrite(t, r, io, c.own)
		if depth, busy, ok := v.look(own, 2*time.Second); !ok || depth != c.depth || busy != c.busy {
			t.Errorf("%s: got depth %v, busy %v (%v), want %v and %v", name, depth, busy, ok, c.depth, c.busy)
		}
	}
}

// Through a gatherer: what it is told of lull's own work reaches the facts.
func TestProcessorsThatAreBusyForLullAreCalm(t *testing.T) {
	for name, c := range map[string]struct {
		cgroup string
		want   float64
	}{"lull's": {"lull.slice/a1", 0}, "somebody else's": {"lull.slice/a2", 0.9}} {
		dir := t.TempDir()
		for file, text := range map[string]string{
			"proc/stat": "cpu  0 0 0 0 0 0 0 0 0 0\n", "sys/devices/system/cpu/online": "0-1\n",
			"sys/fs/cgroup/lull.slice/a1/cpu.stat": "usage_usec 0\n",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		g, err := New(Options{Root: dir, Live: true, SystemBus: "-", Own: func() Own { return Own{Cgroups: []string{c.cgroup}} }})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		want := Set{"cpu.busy_ratio": true}
		g.Snapshot(context.Background(), want, Target{})
		r := &root{dir: dir}
		rewrite(t, r, "/proc/stat", "cpu  900 0 0 100 0 0 0 0 0 0\n")
		rewrite(t, r, "/sys/fs/cgroup/lull.slice/a1/cpu.stat", "usage_usec 3600000000\n")
		time.Sleep(minLook + 50*time.Millisecond)
		if got := g.Snapshot(context.Background(), want, Target{}).Get("cpu.busy_ratio"); got.V != c.want {
			t.Errorf("%s: got %v %s (%s), want %v", name, got.V, got.State, got.Why, c.want)
		}
	}
}

// Stalls of lull's own actions, which run in a slice of their own, are not the
// user's. At boot the users' slice may come later than lull.
func TestPressureIsThatOfTheUsersWhereTheyHaveASlice(t *testing.T) {
	const stalled, calm = "some avg10=60.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=40.00 avg60=0.00 avg300=0.00 total=1\n", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
	r := plant(t, map[string]string{"proc/pressure/io": stalled})
	p := newPressure(r)
	some := func(at time.Duration) any {
		t.Helper()
		b := newBatch(instant{boot: at})
		b.want[ioSome] = true
		p.collect(context.Background(), b)
		return plainNumber(b.cell(ioSome))
	}
	if got := some(time.Hour); got != 0.6 {
		t.Errorf("without a slice: got %v, want the machine's 0.6", got)
	}
	slice := r.at("/sys/fs/cgroup/user.slice")
	if err := os.MkdirAll(slice, 0o755); err != nil {
		t.Fatal(err)
	}
	rewrite(t, r, "/sys/fs/cgroup/user.slice/io.pressure", calm)
	if got := some(time.Hour + lookAgain); got != 0.0 {
		t.Errorf("with a slice: got %v, want the users' 0", got)
	}
}
