package facts

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fickle is a collector of one fact that keeps what it said for as long as its
// version is the same, and the one that notices whatever happens.
type fickle struct {
	value, version, happened uint64
	until                    time.Duration
	asked                    int
	fails                    bool
}

func (*fickle) facts() []fact { return []fact{cores} }
func (*fickle) close() error  { return nil }

func (f *fickle) stamp(instant) uint64 { return f.happened }

func (f *fickle) collect(_ context.Context, b *batch) {
	f.asked++
	if b.unchanged(f.version, f.until, f.facts()) {
		return
	}
	if f.fails {
		panic("planted")
	}
	b.int(cores, int64(f.value), fromCPUs)
}

func TestWhatACollectorSaidIsKeptUntilAnythingHappens(t *testing.T) {
	boot := time.Hour
	f := &fickle{value: 2, version: 1, happened: 1, until: math.MaxInt64}
	o := Options{boot: func() time.Duration { boot += time.Second; return boot }}
	o.setDefaults()
	g := newGatherer(o, []collector{f})
	one, two := Set{"cpu.cores": true}, Set{"cpu.cores": true, "power.on_ac": true}
	look := func(what string, set Set, asked bool, want any) {
		t.Helper()
		before := f.asked
		got := g.Snapshot(t.Context(), set, Target{}).Get("cpu.cores")
		if want == nil && got.State != Unknown || want != nil && got.V != want {
			t.Errorf("%s: got %+v, want %v", what, got, want)
		}
		if (f.asked > before) != asked {
			t.Errorf("%s: asked is %v, want %v", what, f.asked > before, asked)
		}
	}
	look("first", one, true, int64(2))
	look("second: it says that it may be kept", one, true, int64(2))
	f.value = 3 // which nothing tells of
	look("nothing has happened", one, false, int64(2))
	look("facts that were never gathered", two, true, int64(3))
	f.happened++
	look("something has, that is not its own", one, true, int64(2))
	look("nothing more", one, false, int64(2))
	f.version, f.happened = 2, f.happened+1
	look("its own", one, true, int64(3))
	f.value, f.happened = 4, 0
	look("nobody can tell", one, true, int64(3)) // its version is the same
	f.version = 0
	look("nor can it", one, true, int64(4))
	look("nor can it still", one, true, int64(4))
	f.version, f.happened, f.until = 3, 9, boot+4*time.Second
	look("it may be kept for a while", one, true, int64(4))
	look("it says so", one, true, int64(4))
	f.value = 5
	look("the while is not over", one, false, int64(4))
	look("it is over", one, true, int64(4))
	f.version, f.fails = 4, true
	look("it fails", one, true, nil)
	f.fails = false
	look("what failed is not kept", one, true, int64(5))
}

// Where a rate has all asked twice within one snapshot, what is kept the second time
// is what was said the first time, not before.
func TestWhatIsAskedTwiceInASnapshotIsOfThatSnapshot(t *testing.T) {
	f, twice := &fickle{value: 2, version: 1, happened: 1, until: math.MaxInt64}, false
	o := Options{}
	o.setDefaults()
	g := newGatherer(o, []collector{f, collectFunc(func(b *batch) {
		b.int(memoryTotal, int64(f.asked), fromMeminfo)
		if twice {
			twice, b.again = false, time.Nanosecond
		}
	})})
	set := Set{"cpu.cores": true, "memory.total_bytes": true}
	for round := range 5 {
		f.value, f.version, f.happened, twice = uint64(round+5), uint64(round+2), f.happened+1, true
		s := g.Snapshot(t.Context(), set, Target{})
		if got := s.Get("cpu.cores").V; got != int64(round+5) || s.Get("memory.total_bytes").V != int64(f.asked) || f.asked != 2*round+2 {
			t.Errorf("round %d: got %v and %+v, asked %d times; want %d", round, got, s.Get("memory.total_bytes"), f.asked, round+5)
		}
	}
}

// Snapshots share what is the same, and stay what they were.
func TestALaterSnapshotLeavesTheEarlierOnesAsTheyWere(t *testing.T) {
	var texts = []string{"a", "b", "b", "c"}
	var all []Snapshot
	c := collectFunc(func(b *batch) {
		b.unknown(cores, texts[len(all)])
		b.int(memoryTotal, int64(len(all)), fromMeminfo)
		if len(all) != 2 {
			b.list(busy, []string{texts[len(all)]}, fromBusy)
		}
	})
	o := Options{}
	o.setDefaults()
	g := newGatherer(o, []collector{c})
	set := Set{"cpu.cores": true, "memory.total_bytes": true, "presence.busy": true}
	for range texts {
		all = append(all, g.Snapshot(t.Context(), set, Target{}))
	}
	for i, s := range all {
		if got := s.Get("cpu.cores").Why; got != texts[i] {
			t.Errorf("snapshot %d: got %q, want %q", i, got, texts[i])
		}
		if got := s.Get("memory.total_bytes").V; got != int64(i) {
			t.Errorf("snapshot %d: got %v, want %d", i, got, i)
		}
		got := s.Get("presence.busy")
		if i == 2 && (got.State != Unknown || got.Why != noSource) {
			t.Errorf("nobody spoke of it in snapshot %d: got %+v", i, got)
		}
		if list, _ := got.V.([]string); i != 2 && (len(list) != 1 || list[0] != texts[i]) {
			t.Errorf("snapshot %d: got %v, want %q", i, got.V, texts[i])
		}
	}
}

// collectFunc is a collector of a few facts.
type collectFunc func(b *batch)

func (collectFunc) facts() []fact                         { return []fact{cores, memoryTotal, busy} }
func (c collectFunc) collect(_ context.Context, b *batch) { c(b) }
func (collectFunc) close() error                          { return nil }

// What is not asked for at each look is given up as soon as a service speaks,
// and when it can no longer be heard.
func TestASettledSnapshotHearsOfEveryChange(t *testing.T) {
	bus := newTestBus(t)
	login := bus.Desktop()
	o := Options{SystemBus: bus.Addr}
	o.setDefaults()
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	r.container = func() bool { return false }
	g := newGatherer(o, collectorsOf(r, &o))
	t.Cleanup(func() { g.Close() })
	set := Set{"presence.locked": true, "inhibitors.shutdown": true, "presence.remote_sessions": true, "power.saver": true}
	settle := func() {
		for range 8 { // the fewest that keep anything are three
			g.Snapshot(t.Context(), set, Target{})
		}
	}
	becomes := func(id ID, want any) {
		t.Helper()
		began := time.Now()
		waitFor(t, func() bool { return g.Snapshot(t.Context(), set, Target{}).Get(id).V == want })
		t.Logf("%s is %v after %v", id, want, time.Since(began).Round(time.Millisecond))
		settle()
	}
	const session = "/org/freedesktop/login1/session/c1"
	becomes("presence.locked", false)
	bus.Set(logindName, session, "org.freedesktop.login1.Session", map[string]any{"LockedHint": true})
	becomes("presence.locked", true)
	bus.Set(logindName, session, "org.freedesktop.login1.Session", map[string]any{"Remote": true})
	becomes("presence.remote_sessions", int64(1))
	if v := g.Snapshot(t.Context(), set, Target{}).Get("power.saver"); v.State != Unknown {
		t.Skipf("this machine has a platform profile: %+v", v)
	}
	bus.Mock("power_profiles_daemon", profilesName)
	bus.Set(profilesName, "/net/hadess/PowerProfiles", profilesName, map[string]any{"ActiveProfile": "power-saver"})
	becomes("power.saver", true)
	_ = login.Process.Kill()
	_ = login.Wait()
	becomes("inhibitors.shutdown", nil)
	becomes("presence.locked", nil)
}

// What is typed goes to the virtual terminal in front: those behind it are
// looked at when another comes to the front, and once a minute.
func TestTerminalsBehindTheOneInFrontAreLookedAtWhenTheyMayHaveBeenUsed(t *testing.T) {
	dir := t.TempDir()
	wall, boot := time.Unix(1700000000, 0), time.Hour
	used := func(name string, ago time.Duration) {
		t.Helper()
		file := filepath.Join(dir, "dev", name)
		if err := os.Chtimes(file, wall.Add(-ago), wall); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "dev/pts"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tty1", "tty2", "pts/0"} {
		if err := os.WriteFile(filepath.Join(dir, "dev", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		used(name, 30*time.Minute)
	}
	r := &root{dir: dir, below: true}
	c := &changes{root: r}
	t.Cleanup(c.close)
	o := &Options{SystemBus: "-"}
	o.setDefaults()
	p := newPresence(r, newBus(r, o), &resumeWatch{sleep: func(instant) time.Duration { return 0 }}, c, newUevents(c), o)
	t.Cleanup(func() { p.close() })
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	front := "/dev/tty1"
	p.nodes.switches = &changeSource{events: unix.EPOLLIN, open: func() (int, error) { p.nodes.front = front; return event, nil },
		heard: func([]byte) error { p.nodes.front = front; return nil }}
	idle := func() time.Duration {
		boot, wall = boot+time.Second, wall.Add(time.Second)
		return p.terminalReport(instant{wall: wall, boot: boot}).idle.Round(time.Second)
	}
	look := func(what string, want time.Duration) {
		t.Helper()
		if got := idle(); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	switchTo := func(terminal string) {
		t.Helper()
		front = terminal
		if _, err := unix.Write(event, binary.NativeEndian.AppendUint64(nil, 1)); err != nil {
			t.Fatal(err)
		}
	}
	look("nobody typed for long", 30*time.Minute+time.Second-ttyStep)
	used("pts/0", 20*time.Minute)
	look("somebody did at a pseudo terminal", 20*time.Minute+time.Second-ttyStep)
	used("tty1", 10*time.Minute)
	look("and at the one in front", 10*time.Minute+time.Second-ttyStep)
	used("tty2", 5*time.Minute)
	look("the one behind is not looked at", 10*time.Minute+2*time.Second-ttyStep)
	switchTo("/dev/tty2")
	look("it comes to the front", 5*time.Minute+2*time.Second-ttyStep)
	used("tty2", 4*time.Minute)
	look("and is used there", 4*time.Minute+time.Second-ttyStep)
	used("tty1", 3*time.Minute)
	boot, wall = boot+lookAgain, wall.Add(lookAgain)
	look("a minute later all are looked at", 4*time.Minute+time.Second-ttyStep)
	switchTo("rubbish")
	used("tty1", time.Minute)
	look("nobody knows which is in front", time.Minute+time.Second-ttyStep)
	used("tty2", 30*time.Second)
	look("nor now", 31*time.Second-ttyStep)
}

// The kernel says which virtual terminal is in front, and is asked in a way that
// makes it tell of the next switch.
func TestTheTerminalInFrontIsKnown(t *testing.T) {
	p := onThisHost(t)
	name, err := os.ReadFile("/sys/class/tty/tty0/active")
	if err != nil {
		t.Skipf("no virtual terminals: %v", err)
	}
	before := p.changes.since(p.nodes.switches, time.Hour)
	if want := "/dev/" + string(name[:len(name)-1]); p.nodes.front != want {
		t.Errorf("got %q, want %q", p.nodes.front, want)
	}
	if got := p.changes.since(p.nodes.switches, time.Hour+1); got != before {
		t.Errorf("nobody switched: got %d changes, want %d", got, before)
	}
}

func TestTheStampChangesWithEveryEventOfTheKernel(t *testing.T) {
	r, c := wholeMachine(t)
	shared := sharedCloser{newBus(r, &Options{SystemBus: "-"}), c}
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	c.since(&changeSource{events: unix.EPOLLIN, open: func() (int, error) { return event, nil }, heard: func([]byte) error { return nil }}, time.Hour)
	now := instant{boot: time.Hour, awake: time.Now()}
	stamp := func() uint64 {
		now.boot, now.awake = now.boot+time.Second, now.awake.Add(time.Second)
		return shared.stamp(now)
	}
	before := stamp()
	if got := stamp(); got != before || got == 0 {
		t.Errorf("nothing happened: got %d, want %d", got, before)
	}
	if _, err := unix.Write(event, binary.NativeEndian.AppendUint64(nil, 1)); err != nil {
		t.Fatal(err)
	}
	if got := stamp(); got == before {
		t.Error("an event, and the stamp is the same")
	}
	if got := shared.stamp(instant{boot: now.boot + time.Second}); got != 0 {
		t.Errorf("nobody knows how late it is: got %d, want 0", got)
	}
}
