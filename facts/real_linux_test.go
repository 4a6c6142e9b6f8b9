package facts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tool runs a command that the test needs, which needs root.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Skipf("%s %v: %v %s (needs root)", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// image is a file of a few megabytes with an ext4 file system, as a loop device.
func image(t *testing.T) (device string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.ext4", "-q", file)
	device = tool(t, "losetup", "-f", "--show", file)
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	return device
}

// disksBelow finds the disks below a directory of this machine.
func disksBelow(t *testing.T, dir string) []string {
	t.Helper()
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	disks, err := (&resolver{root: r, mounts: parseMountinfo(readAll(r, "/proc/self/mountinfo"))}).disks(dir, 0)
	if err != nil {
		t.Skipf("the disks below %s cannot be found: %v", dir, err)
	}
	return disks
}

func mountAt(t *testing.T, device string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount(device, dir, "ext4", 0, ""); err != nil {
		t.Skipf("cannot mount (needs root): %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestARealLoopDeviceIsFollowedToTheDiskBelowItsFile(t *testing.T) {
	want := disksBelow(t, t.TempDir())
	dir := mountAt(t, image(t))
	if got := disksBelow(t, dir); !slices.Equal(got, want) || len(got) == 0 || strings.HasPrefix(got[0], "loop") {
		t.Errorf("got %v, want the disks below its file, %v", got, want)
	}
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := g.Snapshot(t.Context(), Wanted([]string{"facts.storage"}), Target{Path: filepath.Join(dir, "not", "there", "yet")})
	if got := s.Get("storage.filesystem").V; got != "ext4" {
		t.Errorf("got file system %v, want ext4", got)
	}
	if got, ok := s.Get("storage.total_bytes").V.(int64); !ok || got > 16<<20 {
		t.Errorf("got %v bytes, want the size of the image at most", s.Get("storage.total_bytes"))
	}
	below := g.Snapshot(t.Context(), Wanted([]string{"facts.storage.rotational"}), Target{Path: os.TempDir()}).Get("storage.rotational")
	if got := s.Get("storage.rotational"); got.State != below.State || got.V != below.V {
		t.Errorf("got rotational %v, want that of the disk below, %v", got, below)
	}
}

func TestARealMappingIsFollowedToTheDisksBelow(t *testing.T) {
	device := image(t)
	name := "lulltest" + strconv.Itoa(os.Getpid())
	table := "0 " + strconv.Itoa(16<<20/512) + " linear " + device + " 0"
	if out, err := exec.Command("dmsetup", "create", name, "--table", table).CombinedOutput(); err != nil {
		t.Skipf("the kernel has no device mapper: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("dmsetup", "remove", "-f", name).Run() })
	dir := mountAt(t, "/dev/mapper/"+name)
	want := disksBelow(t, t.TempDir())
	if got := disksBelow(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %v, want the disks below the mapping of the loop device, %v", got, want)
	}
	_ = unix.Unmount(dir, unix.MNT_DETACH)
}

// burners are processes that do nothing but use processors.
func burners(t *testing.T, n int) (pids []int) {
	t.Helper()
	for range n {
		cmd := run(t, exec.Command("sh", "-c", "while :; do :; done"))
		pids = append(pids, cmd.Process.Pid)
	}
	return pids
}

// What lull's own actions use of the processors does not count, however many
// others use them too: the same work is seen with and without its being lull's.
func TestRealWorkOfItsOwnIsLeftOut(t *testing.T) {
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	pids := burners(t, 8)
	prioritised := func(nice int) Own {
		for _, pid := range pids {
			if err := unix.Setpriority(unix.PRIO_PROCESS, pid, nice); err != nil {
				t.Skipf("their priority cannot be set (needs root): %v", err)
			}
		}
		return Own{PIDs: pids}
	}
	for name, own := range map[string]func() Own{
		"processes":                        func() Own { return prioritised(0) },
		"processes of the lowest priority": func() Own { return prioritised(19) },
		"a cgroup": func() Own {
			prioritised(0)
			dir := "lulltest" + strconv.Itoa(os.Getpid())
			path := filepath.Join(cgroupRoot(r), dir)
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Skipf("no cgroup of version 2 can be made (needs root): %v", err)
			}
			t.Cleanup(func() {
				for _, pid := range pids {
					_ = os.WriteFile(filepath.Join(cgroupRoot(r), "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
				}
				_ = os.Remove(path)
			})
			for _, pid := range pids {
				if err := os.WriteFile(filepath.Join(path, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
					t.Skipf("no process can be put into a cgroup: %v", err)
				}
			}
			return Own{Cgroups: []string{dir}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			mine := own()
			work := &ownWork{r, func() Own { return mine }}
			ours, theirs := newCPU(r, work), newCPU(r, &ownWork{r, func() Own { return Own{} }})
			t.Cleanup(func() { ours.close(); theirs.close() })
			busy := func(c *cpuCollector) float64 {
				b := newBatch(instant{wall: time.Now(), boot: sinceBoot()})
				b.want[cores], b.want[cpuBusy] = true, true
				c.collect(context.Background(), b)
				return plainNumber(b.cell(cpuBusy))
			}
			busy(ours)
			busy(theirs)
			// As ownWork counts, but for itself: what is tried here cannot be
			// what tells whether it can be tried.
			seconds := func() (total float64) {
				for _, pid := range pids {
					total += processCPU(r.slurp("/proc/" + strconv.Itoa(pid) + "/stat"))
				}
				return total
			}
			polite := func() float64 { // time of the lowest priorities, anybody's
				_, nice, _, _ := parseCPUStat([]byte(r.slurp("/proc/stat")))
				return float64(nice) / 100
			}
			used, yielded, began := seconds(), polite(), time.Now()
			time.Sleep(2 * time.Second)
			with, without := busy(ours), busy(theirs)
			all := time.Since(began).Seconds() * float64(ours.cores)
			share, nice := (seconds()-used)/all, (polite()-yielded)/all
			t.Logf("busy %.2f, beside it nice'd %.2f; lull's own %.2f; left %.2f", without, nice, share, with)
			if share < 0.05 {
				t.Skipf("eight loops got %.2f of the processors: the machine is too busy to tell", share)
			}
			left := without - max(0, share-nice)
			if with > left+0.15 || with < left-0.15 {
				t.Errorf("got busy %.2f, want %.2f: %.2f less what of lull's own %.2f is in it", with, left, without, share)
			}
		})
	}
}

func plainNumber(c cell) float64 {
	v, _ := c.any(Desc{Type: Number}).(float64)
	return v
}

// A fact that nobody wants costs nothing: no file, no bus, no socket. What one
// fact needs is opened, and no more.
func TestUnreadFactsOpenNothing(t *testing.T) {
	bus := newTestBus(t)
	socket := filepath.Join(t.TempDir(), "agents")
	for _, c := range []struct {
		want []string
		open []string // all that may be looked at; a path stands for what is below it
		bus  bool
	}{
		{[]string{"clock", "action.kind"}, nil, false},
		{[]string{"facts.host.uptime_seconds"}, nil, false},
		{[]string{"facts.cpu.cores"}, []string{"/sys/devices/system/cpu/online"}, false},
		{[]string{"facts.cpu.load1_per_core_ratio"}, []string{"/sys/devices/system/cpu/online", "/proc/loadavg"}, false},
		{[]string{"facts.memory.available_bytes"}, []string{"/proc/meminfo"}, false},
		{[]string{"facts.pressure.io.some_avg10_ratio"}, []string{"/proc/pressure/io", "/sys/fs/cgroup"}, false},
		{[]string{"facts.power.on_ac"}, []string{"/sys/class/power_supply", "/run", "/.dockerenv", "/proc/1/environ", "/proc/sys/kernel/osrelease", "/proc/cpuinfo", "/sys/hypervisor", "/sys/class/dmi", kernelsSysfs}, false},
		{[]string{"facts.inhibitors.shutdown"}, nil, true},
	} {
		t.Run(strings.Join(c.want, " "), func(t *testing.T) {
			var mu sync.Mutex
			var looked []string
			before := descriptors(t)
			g, err := New(Options{SystemBus: bus.Addr, AgentSocket: socket, looked: func(path string) {
				mu.Lock()
				defer mu.Unlock()
				looked = append(looked, path)
			}})
			if err != nil {
				t.Fatal(err)
			}
			want := Wanted(c.want)
			ctx, cancel := context.WithCancel(t.Context())
			changes := g.Watch(ctx, want)
			g.Snapshot(ctx, want, Target{})
			time.Sleep(50 * time.Millisecond)
			open := slices.DeleteFunc(descriptors(t), func(d string) bool { return slices.Contains(before, d) })
			cancel()
			for range changes {
			}
			g.Close()
			for _, path := range looked {
				if !slices.ContainsFunc(c.open, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) {
					t.Errorf("looked at %s", path)
				}
			}
			if sockets := slices.ContainsFunc(open, func(d string) bool { return strings.Contains(d, "socket:") }); sockets && len(c.open) == 0 && !c.bus {
				t.Errorf("opened a socket: %v", open)
			}
			if len(c.open) == 0 && !c.bus && len(open) > 0 {
				t.Errorf("opened %v, want nothing", open)
			}
			if _, err := os.Stat(socket); err == nil {
				t.Error("it listens for agents")
			}
		})
	}
}

// descriptors is what this process has open.
func descriptors(t *testing.T) (all []string) {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if target, err := os.Readlink("/proc/self/fd/" + n.Name()); err == nil && !strings.HasPrefix(target, "/proc/") {
			all = append(all, n.Name()+" "+target)
		}
	}
	return all
}

func TestAnEmptyListOfSuppliesIsBelievedOfAKernelOnly(t *testing.T) {
	for name, c := range map[string]struct {
		container, kernel bool
		want              cellState
		quality           string
	}{
		"a machine of its own": {false, true, cellKnown, good},
		"a container":          {true, true, cellKnown, assumed},
		"a sandbox":            {true, false, cellUnknown, ""},
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, supplyDir), 0o755); err != nil {
			t.Fatal(err)
		}
		if c.kernel {
			if err := os.MkdirAll(filepath.Join(dir, kernelsSysfs), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		r := &root{dir: dir, below: true, container: func() bool { return c.container }, virtual: func() bool { return false }}
		changes := &changes{root: r}
		p := newPower(r, newBus(r, &Options{SystemBus: "-"}), newUevents(changes))
		b := newBatch(instant{wall: time.Now(), boot: sinceBoot()})
		b.want[onAC] = true
		p.collect(t.Context(), b)
		got := b.cell(onAC)
		if got.state != c.want || got.state == cellKnown && (got.bits == 0 || got.origin.quality != c.quality) {
			t.Errorf("%s: got %+v, want state %d, on AC, of quality %q", name, got, c.want, c.quality)
		}
		p.close()
		changes.close()
	}
}
