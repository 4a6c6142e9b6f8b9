package facts

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty opens a pseudo terminal pair.
func pty(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("no pseudo terminals: %v", err)
	}
	name := "/dev/pts/" + itoa(n)
	slave, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("cannot open %s: %v", name, err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// onThisHost is a collector of this machine that is not put off by a container.
func onThisHost(t *testing.T) *presenceCollector {
	t.Helper()
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	r.container = func() bool { return false }
	o := &Options{SystemBus: "-"}
	o.setDefaults()
	c := &changes{root: r}
	p := newPresence(r, newBus(r, o), &resumeWatch{sleep: new(sleepClock).look}, c, newUevents(c), o)
	t.Cleanup(func() { p.close(); c.close() })
	return p
}

func TestTypingAtATerminalIsToldAtOnce(t *testing.T) {
	master, slave := pty(t)
	p := onThisHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	woken := make(chan struct{}, 16)
	go p.watchTerminals(ctx, func() {}, func() { woken <- struct{}{} })
	time.Sleep(50 * time.Millisecond) // the watch is set up
	typed := time.Now()
	if _, err := master.WriteString("ls\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := slave.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-woken:
		t.Logf("told after %v", time.Since(typed))
	case <-time.After(2 * time.Second):
		t.Error("nobody was told within two seconds")
	}
}

func TestAnOpenTerminalIsSeenAndDated(t *testing.T) {
	_, slave := pty(t)
	p := onThisHost(t)
	now := instant{wall: time.Now(), boot: sinceBoot()}
	if n, err := p.openTerminals(now.boot); n == 0 {
		t.Fatalf("no terminal listed (%v), want %s", err, slave.Name())
	}
	r := p.terminalReport(now)
	if r.answer != answered || !r.proof || r.idle > time.Second {
		t.Errorf("got %+v, want a terminal opened just now", r)
	}
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

func TestPressureOfARealLoadWakes(t *testing.T) {
	r, _ := newRoot("/")
	p := newPressure(r)
	if fd, err := p.files()[0].trigger(); err != nil {
		t.Skipf("the kernel takes no pressure triggers (no PSI, or older than 6.4 without CAP_SYS_RESOURCE): %v", err)
	} else {
		unix.Close(fd)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	woken := make(chan fact, 16)
	want := make([]bool, len(declared))
	want[cpuSome] = true
	go p.watch(ctx, want, func(fs ...fact) { woken <- fs[0] })
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4 * runtime.NumCPU()))
	for range 4 * runtime.NumCPU() {
		go func() {
			for ctx.Err() == nil {
			}
		}()
	}
	select {
	case f := <-woken:
		if f != cpuSome {
			t.Errorf("woken for %s, want cpu pressure", declared[f].ID)
		}
	case <-time.After(15 * time.Second):
		t.Error("four busy loops for each processor did not wake within 15 seconds")
	}
}

func TestKernelEventsOfASubsystemWake(t *testing.T) {
	const trigger = "/sys/class/block/loop7/uevent"
	if f, err := os.OpenFile(trigger, os.O_WRONLY, 0); err != nil {
		t.Skipf("cannot make a kernel event: %v", err)
	} else {
		f.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	woken, other := make(chan struct{}, 16), make(chan struct{}, 16)
	go watchUevents(ctx, "block", func() { woken <- struct{}{} })
	go watchUevents(ctx, "power_supply", func() { other <- struct{}{} })
	time.Sleep(50 * time.Millisecond)
	if err := os.WriteFile(trigger, []byte("change"), 0); err != nil {
		t.Skipf("cannot make a kernel event: %v", err)
	}
	select {
	case <-woken:
	case <-time.After(2 * time.Second):
		t.Error("the block event was not seen")
	}
	if len(other) != 0 {
		t.Error("an event of another subsystem woke the power facts")
	}
}

func TestTwoWatchesHearOfTheSameInputDevice(t *testing.T) {
	w := newInputWatch(&root{dir: t.TempDir(), captured: &captured{}})
	t.Cleanup(w.close)
	var first, second []int
	stopFirst := w.onAdd(func(fd int) { first = append(first, fd) })
	defer w.onAdd(func(fd int) { second = append(second, fd) })()
	plugIn := func(name string) {
		t.Helper()
		if err := os.MkdirAll(w.root.dir+inputDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.root.dir+inputDir+"/"+name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.openDevice(name, time.Second)
	}
	plugIn("event0")
	stopFirst()
	plugIn("event1")
	if len(first) != 1 || len(second) != 2 {
		t.Errorf("the watch that ended heard of %d devices, the other of %d; want 1 and 2", len(first), len(second))
	}
}
