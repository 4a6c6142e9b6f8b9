package facts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const privateBus = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// mockBus runs a private system bus; mock runs one of python3-dbusmock's
// services on it.
func mockBus(t testing.TB) (addr string, mock func(template string) *exec.Cmd, daemon *exec.Cmd) {
	t.Helper()
	if exec.Command("/usr/bin/python3", "-c", "import dbusmock").Run() != nil {
		t.Skip("python3-dbusmock is not installed (apt: python3-dbusmock dbus)")
	}
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("dbus-daemon is not installed (apt: dbus)")
	}
	dir, err := os.MkdirTemp("", "bus") // socket paths are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf, socket := filepath.Join(dir, "c.conf"), filepath.Join(dir, "s")
	if err := os.WriteFile(conf, []byte(strings.Replace(privateBus, "SOCKET", socket, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon = run(t, exec.Command("dbus-daemon", "--config-file="+conf, "--nofork"))
	waitFor(t, func() bool { _, err := os.Stat(socket); return err == nil })
	addr = "unix:path=" + socket
	return addr, func(template string) *exec.Cmd {
		cmd := exec.Command("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", template)
		cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+addr)
		return run(t, cmd)
	}, daemon
}

func run(t testing.TB, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited 20 seconds in vain")
		}
	}
}

func TestLogindOnARealBusIsHeardAndItsLossIsUnknown(t *testing.T) {
	addr, mock, _ := mockBus(t)
	login := mock("logind")
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{SystemBus: addr}
	o.setDefaults()
	b := newBus(r, o)
	t.Cleanup(func() { b.close() })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	waitFor(t, func() bool { _, err := b.logind(ctx); return err == nil })

	woken := make(chan struct{}, 64)
	go b.watch(ctx, logindName, func() { woken <- struct{}{} })
	call := exec.Command("gdbus", "call", "--address", addr, "--dest", logindName, "--object-path", "/org/freedesktop/login1",
		"--method", "org.freedesktop.DBus.Mock.AddSession", "c1", "seat0", "uint32 1000", "alice", "true")
	if out, err := call.CombinedOutput(); err != nil {
		t.Skipf("gdbus (apt: libglib2.0-bin): %v %s", err, out)
	}
	waitFor(t, func() bool { l, err := b.logind(ctx); return err == nil && len(l.Sessions) == 1 })
	if len(woken) == 0 {
		t.Error("a new session woke nobody")
	}

	lost := time.Now()
	_ = login.Process.Kill()
	waitFor(t, func() bool { _, err := b.logind(ctx); return err != nil })
	if d := time.Since(lost); d > time.Second {
		t.Errorf("its loss was noticed after %v, want within a second", d)
	}
	mock("logind")
	waitFor(t, func() bool { _, err := b.logind(ctx); return err == nil })
}

func TestABusThatStopsAnsweringIsUnknownWithinASecond(t *testing.T) {
	addr, mock, _ := mockBus(t)
	login := mock("logind")
	g, err := New(Options{SystemBus: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	want := Wanted([]string{"facts.inhibitors.shutdown"})
	take := func() Value { return g.Snapshot(context.Background(), want, Target{}).Get("inhibitors.shutdown") }
	waitFor(t, func() bool { return take().State == Known })
	time.Sleep(1100 * time.Millisecond)
	if err := login.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if v := take(); v.State != Unknown || time.Since(began) > time.Second {
		t.Errorf("stopped service: got %v after %v, want unknown within a second", v.State, time.Since(began))
	}
	_ = login.Process.Signal(syscall.SIGCONT)
	waitFor(t, func() bool { return take().State == Known })
}
