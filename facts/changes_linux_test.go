package facts

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wholeMachine is this machine, and what asks its kernel for changes.
func wholeMachine(t *testing.T) (*root, *changes) {
	t.Helper()
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	c := &changes{root: r}
	t.Cleanup(c.close)
	return r, c
}

// A lock that appears, is taken, is replaced or goes between two looks is seen
// at the next, although nothing was looked for anew.
func TestPackageLocksAreSeenAtTheNextLook(t *testing.T) {
	r, c := wholeMachine(t)
	dir := t.TempDir()
	lock, mark := filepath.Join(dir, "var/lib/dpkg/lock"), filepath.Join(dir, "var/lib/pacman/db.lck")
	p := packagesOf(r, c, []string{lock}, mark)
	t.Cleanup(func() { p.close() })
	boot := time.Hour
	look := func(what string, want bool) {
		t.Helper()
		boot += time.Second
		b := newBatch(instant{boot: boot})
		b.want[packagesLocked] = true
		p.collect(t.Context(), b)
		if got := b.cell(packagesLocked); got.state != cellKnown || got.bits != uint64(one(want)) {
			t.Errorf("%s: got state %d, %d (%s), want %v", what, got.state, got.bits, got.text, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hold := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(lock, os.O_RDWR|os.O_CREATE, 0o600)
		must(err)
		t.Cleanup(func() { f.Close() })
		must(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
		return f
	}
	look("nothing is there", false)
	must(os.MkdirAll(filepath.Dir(mark), 0o755))
	look("pacman was installed", false)
	must(os.WriteFile(mark, nil, 0o644))
	look("pacman works", true)
	must(os.Remove(mark))
	look("pacman is done", false)
	must(os.MkdirAll(filepath.Dir(lock), 0o755))
	must(os.WriteFile(lock, nil, 0o600))
	look("a lock that nobody holds", false)
	held := hold()
	look("dpkg works", true)
	must(os.Rename(lock, lock+".old"))
	look("the file that is locked is not the lock any more", false)
	hold()
	look("another dpkg works", true)
	held.Close()
	must(os.RemoveAll(filepath.Join(dir, "var")))
	look("all is gone", false)
}

func TestTerminalsThatOpenAndCloseAreSeenAtTheNextLook(t *testing.T) {
	p := onThisHost(t)
	now := time.Hour
	open := func() int64 {
		t.Helper()
		now += time.Second
		n, err := p.openTerminals(now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := open()
	master, slave := pty(t)
	if got := open(); got != before+1 {
		t.Errorf("after one was opened: got %d, want %d", got, before+1)
	}
	master.Close()
	slave.Close()
	if got := open(); got != before {
		t.Errorf("after it was closed: got %d, want %d", got, before)
	}
}

func TestDeviceEventsCountForTheirSubsystemOnly(t *testing.T) {
	const trigger = "/sys/class/block/loop7/uevent"
	f, err := os.OpenFile(trigger, os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("cannot make a kernel event: %v", err)
	}
	defer f.Close()
	_, c := wholeMachine(t)
	u := newUevents(c)
	now := time.Hour
	blocks, supplies := u.subsystem("block"), u.subsystem("power_supply")
	block, power := blocks.since(now), supplies.since(now)
	if !u.source.opened {
		t.Skip("the kernel sends this user namespace no device events")
	}
	if _, err := f.WriteString("change"); err != nil {
		t.Skipf("cannot make a kernel event: %v", err)
	}
	waitFor(t, func() bool { now += time.Second; return blocks.since(now) > block })
	if supplies.since(now) != power {
		t.Error("a block device's event counts for power supplies")
	}
}

// Links are looked at anew when one changes: here the loopback of a network
// namespace of its own is switched on.
func TestLinkEventsCount(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("needs root: %v", err)
	}
	_, c := wholeMachine(t)
	s := routeSource()
	before := c.since(s, time.Hour)
	if got := c.since(s, time.Hour+1); got != before {
		t.Fatalf("nothing happened: got %d, want %d", got, before)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
	if got := c.since(s, time.Hour+2); got == before {
		t.Error("a link was switched on, and nothing changed")
	}
}

// For want of a source nothing is taken for unchanged.
func TestASourceThatCannotBeHadChangesAtEveryLook(t *testing.T) {
	_, c := wholeMachine(t)
	tries := 0
	s := &changeSource{open: func() (int, error) { tries++; return -1, errors.New("no descriptor") }}
	var l lookup
	for i := range 3 {
		now := time.Hour + time.Duration(i)*time.Second
		if !l.due(now, c.since(s, now)) {
			t.Errorf("look %d: nothing is said to have changed", i)
		}
	}
	if tries != 1 {
		t.Errorf("tried %d times in three seconds, want once a minute", tries)
	}
}

func TestWhatIsKeptIsLookedUpOnceAMinuteAnyhow(t *testing.T) {
	var l lookup
	if !l.due(time.Hour, 7) || l.due(time.Hour+59*time.Second, 7) || !l.due(time.Hour+time.Minute, 7) {
		t.Error("want a look at first and after a minute, and none between")
	}
	if !l.due(time.Hour+61*time.Second, 8) {
		t.Error("want a look after a change")
	}
}

func TestTheFirstUserNamespaceIsKnown(t *testing.T) {
	for mapped, want := range map[string]bool{"         0          0 4294967295\n": true, "0 1000 1\n": false, "0 0 65536\n": false, "": false} {
		if got := wholeUserNamespace(mapped); got != want {
			t.Errorf("%q: got %v, want %v", mapped, got, want)
		}
	}
}
