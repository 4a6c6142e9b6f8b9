package facts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched runs a watcher that waits for some facts, until the test ends, and
// counts how often it wakes for each.
func watched(t *testing.T, w watcher, fs ...fact) (woken func(fact) int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	counts := make([]atomic.Int32, len(declared))
	want := make([]bool, len(declared))
	for _, f := range fs {
		want[f] = true
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.watch(ctx, want, func(fs ...fact) {
			for _, f := range fs {
				counts[f].Add(1)
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func(f fact) int { return int(counts[f].Load()) }
}

// lockOf takes a lock as dpkg does, until the returned function is called.
func lockOf(t *testing.T, file string) (release func()) {
	t.Helper()
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	return func() { unix.Close(fd) }
}

func TestAPackageManagersWorkIsToldFromItsBeginningToItsEnd(t *testing.T) {
	dir := t.TempDir()
	lock, mark := filepath.Join(dir, "dpkg", "lock"), filepath.Join(dir, "pacman", "db.lck")
	if err := os.Mkdir(filepath.Dir(lock), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	changes := &changes{root: r}
	p := packagesOf(r, changes, []string{lock}, mark)
	t.Cleanup(func() { p.close(); changes.close() })
	woken := watched(t, p, packagesLocked)
	time.Sleep(100 * time.Millisecond) // the watch is set up
	look := func() bool {
		b := newBatch(instant{wall: time.Now(), boot: sinceBoot()})
		b.want[packagesLocked] = true
		p.collect(t.Context(), b)
		return b.cell(packagesLocked).bits != 0
	}
	after := 0
	step := func(what string, locked bool) {
		t.Helper()
		after++
		waitFor(t, func() bool { return woken(packagesLocked) >= after })
		if got := look(); got != locked {
			t.Errorf("%s: got locked %v, want %v", what, got, locked)
		}
	}
	release := lockOf(t, lock)
	step("dpkg began", true)
	for range 5 {
		look()
	}
	release()
	step("dpkg ended", false)
	if err := os.Mkdir(filepath.Dir(mark), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	step("pacman, which has only come now, began", true)
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	step("pacman ended", false)
	if _, err := os.ReadFile(lock); err != nil { // what looks only is no package manager
		t.Fatal(err)
	}
	time.Sleep(4 * lockSettle)
	if n := woken(packagesLocked); n != after {
		t.Errorf("woken %d times, want %d: neither looks nor readers change anything", n, after)
	}
}

func TestAMountIsTold(t *testing.T) {
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	changes := &changes{root: r}
	s := newStorage(r, &ownWork{root: r, ask: func() Own { return Own{} }}, time.Second, changes)
	t.Cleanup(func() { s.close(); changes.close() })
	woken := watched(t, s, filesystem)
	time.Sleep(100 * time.Millisecond)
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount (needs root): %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	waitFor(t, func() bool { return woken(filesystem) > 0 })
	before := woken(filesystem)
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return woken(filesystem) > before })
}

func TestASetClockIsTold(t *testing.T) {
	h := &hostCollector{root: &root{dir: "/"}, resume: &resumeWatch{sleep: func(instant) time.Duration { return 0 }}}
	woken := watched(t, h, sinceResume)
	time.Sleep(100 * time.Millisecond)
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		t.Fatal(err)
	}
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); errors.Is(err, unix.EPERM) {
		t.Skip("the clock may not be set here (needs CAP_SYS_TIME)")
	} else if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return woken(sinceResume) > 0 })
}

func TestAPowerProfileIsToldAndRead(t *testing.T) {
	bus := newTestBus(t)
	bus.Mock("power_profiles_daemon", profilesName)
	g, err := New(Options{SystemBus: bus.Addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	want := Wanted([]string{"facts.power.saver"})
	changes := g.Watch(ctx, want)
	t.Cleanup(func() {
		cancel()
		for range changes {
		}
		g.Close()
	})
	saves := func() any { return g.Snapshot(ctx, want, Target{}).Get("power.saver").V }
	if got := saves(); got != false {
		t.Errorf("balanced: got saver %v, want false", got)
	}
	time.Sleep(100 * time.Millisecond)
	bus.Set(profilesName, "/net/hadess/PowerProfiles", profilesName, map[string]any{"ActiveProfile": "power-saver"})
	select {
	case <-changes:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
	}
	if got := saves(); got != true {
		t.Errorf("power-saver: got saver %v, want true", got)
	}
}

func TestNetworkManagerIsToldAndRead(t *testing.T) {
	bus := newTestBus(t)
	bus.Mock("networkmanager", managerName)
	bus.Call(managerName, managerPath, "org.freedesktop.DBus.Mock.AddProperty", managerName, "Metered", uint32(4))
	g, err := New(Options{SystemBus: bus.Addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	want := Wanted([]string{"facts.network.online", "facts.network.unmetered"})
	changes := g.Watch(ctx, want)
	t.Cleanup(func() {
		cancel()
		for range changes {
		}
		g.Close()
	})
	for _, c := range []struct {
		name                  string
		connectivity, metered uint32
		online, unmetered     any // nil: unknown
	}{
		{"a phone's hotspot", 4, 1, true, false},
		{"wired, probably free", 4, 4, true, true},
		{"a captive portal", 2, 2, false, true},
		{"probably paid for", 4, 3, true, false},
		{"no link", 1, 0, false, nil},
	} {
		time.Sleep(50 * time.Millisecond)
		bus.Set(managerName, managerPath, managerName, map[string]any{"Connectivity": c.connectivity, "Metered": c.metered})
		select {
		case <-changes:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nobody was told", c.name)
		}
		s := g.Snapshot(ctx, want, Target{})
		if got := s.Get("network.online"); got.V != c.online {
			t.Errorf("%s: got online %v (%s), want %v", c.name, got.V, got.Why, c.online)
		}
		if got := s.Get("network.unmetered"); got.V != c.unmetered && c.unmetered != nil {
			t.Errorf("%s: got unmetered %v (%s), want %v", c.name, got.V, got.Why, c.unmetered)
		}
	}
}

// networkd comes to its conclusion after the kernel's event, and replaces its file.
func TestNetworkdIsToldAndRead(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, networkdState)
	if err := os.MkdirAll(filepath.Dir(state), 0o755); err != nil {
		t.Fatal(err)
	}
	say := func(online string) {
		t.Helper()
		if err := os.WriteFile(state+".new", []byte("# made by networkd\nOPER_STATE=routable\nONLINE_STATE="+online+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(state+".new", state); err != nil {
			t.Fatal(err)
		}
	}
	say("online")
	g, err := New(Options{Root: dir, Live: true, SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	want := Set{"network.online": true, "network.unmetered": true}
	changes := g.Watch(ctx, want)
	t.Cleanup(func() {
		cancel()
		for range changes {
		}
		g.Close()
	})
	for _, c := range []struct {
		says   string
		online bool
	}{{"offline", false}, {"online", true}, {"partial", false}} {
		time.Sleep(100 * time.Millisecond) // the watch has begun
		say(c.says)
		var s Snapshot
		for end := time.After(20 * time.Second); ; { // the new file, before it takes the place of the old one, is an event, too
			select {
			case <-changes:
			case <-end:
				t.Fatalf("%s: nobody was told; got online %v (%s)", c.says, s.Get("network.online").V, s.Get("network.online").Why)
			}
			if s = g.Snapshot(ctx, want, Target{}); s.Get("network.online").V == c.online {
				break
			}
		}
		if got := s.Get("network.online"); got.Source != "systemd-networkd" {
			t.Errorf("%s: online is from %s", c.says, got.Source)
		}
		if got := s.Get("network.unmetered"); got.State == Known { // networkd has no notion of it
			t.Errorf("%s: got unmetered %v from %s", c.says, got.V, got.Source)
		}
	}
}

func TestSleepAndWakingAreTold(t *testing.T) {
	bus := newTestBus(t)
	bus.Mock("logind", logindName)
	g, err := New(Options{SystemBus: bus.Addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	want := Wanted([]string{"facts.presence.idle_seconds"})
	g.Snapshot(ctx, want, Target{})
	changes := g.Watch(ctx, want)
	t.Cleanup(func() {
		cancel()
		for range changes {
		}
		g.Close()
	})
	time.Sleep(200 * time.Millisecond)
	bus.Call(logindName, "/org/freedesktop/login1", "org.freedesktop.DBus.Mock.EmitSignal", "org.freedesktop.login1.Manager", "PrepareForSleep", "b", []any{false})
	select {
	case <-changes:
	case <-time.After(20 * time.Second):
		t.Error("nobody was told")
	}
}

// A pipe in the place of a file would hold up whoever opens it for reading.
func TestAPipeInTheirPlaceHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, capturedFile), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"proc/stat", "proc/loadavg", "proc/meminfo", "proc/pressure/io", "proc/self/mountinfo", "proc/uptime", "proc/net/route",
		"sys/devices/system/cpu/online", "sys/class/power_supply/BAT0/type", "sys/class/drm/card0-eDP-1/status", "run/reboot-required",
		"sys/class/input/event0/device/capabilities/key", "dev/input/event0", "proc/asound/card0/pcm0c/sub0/status", "var/lib/dpkg/lock", "facts.d/a.json"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mkfifo(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, o := range map[string]Options{
		"captured": {Root: dir, SystemBus: "-", LocalDir: filepath.Join(dir, "facts.d")},
		"live":     {Root: dir, Live: true, SystemBus: "-", LocalDir: filepath.Join(dir, "facts.d")},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan Snapshot, 1)
			go func() {
				g, err := New(o)
				if err != nil {
					t.Error(err)
					done <- Snapshot{}
					return
				}
				defer g.Close()
				done <- g.Snapshot(context.Background(), nil, Target{})
			}()
			select {
			case s := <-done:
				for _, id := range []ID{"cpu.busy_ratio", "memory.available_bytes", "pressure.io.some_avg10_ratio", "storage.rotational"} {
					if v := s.Get(id); v.State == Known {
						t.Errorf("%s: got %v of a pipe, want unknown", id, v.V)
					}
				}
			case <-time.After(20 * time.Second):
				t.Fatal("a snapshot waits for somebody to write into a pipe")
			}
		})
	}
}
