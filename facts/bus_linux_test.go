package facts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const privateBus = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// testBus is a private system bus with services of python3-dbusmock on it.
type testBus struct {
	t      testing.TB
	Addr   string
	conf   string
	Daemon *exec.Cmd
}

func newTestBus(t testing.TB) *testBus {
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
	b := &testBus{t: t, Addr: "unix:path=" + filepath.Join(dir, "s"), conf: filepath.Join(dir, "c.conf")}
	if err := os.WriteFile(b.conf, []byte(strings.Replace(privateBus, "SOCKET", filepath.Join(dir, "s"), 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.Start()
	return b
}

// Start runs the bus, and returns when it answers.
func (b *testBus) Start() {
	b.t.Helper()
	b.Daemon = run(b.t, exec.Command("dbus-daemon", "--config-file="+b.conf, "--nofork"))
	waitFor(b.t, func() bool {
		conn, err := dbus.Connect(b.Addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Mock runs a service by its dbusmock template, and returns when it owns its name.
func (b *testBus) Mock(template, name string) *exec.Cmd {
	b.t.Helper()
	cmd := exec.Command("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", template)
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+b.Addr)
	run(b.t, cmd)
	waitFor(b.t, func() bool {
		owned := false
		conn, err := dbus.Connect(b.Addr)
		if err != nil {
			return false
		}
		defer conn.Close()
		return conn.BusObject().Call(busDriver+".NameHasOwner", 0, name).Store(&owned) == nil && owned
	})
	return cmd
}

// Call calls a method of a mocked service.
func (b *testBus) Call(name, path, method string, args ...any) {
	b.t.Helper()
	conn, err := dbus.Connect(b.Addr)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Object(name, dbus.ObjectPath(path)).Call(method, 0, args...).Err; err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
}

// Set changes properties of a mocked object, which tells of it as the real one.
func (b *testBus) Set(name, path, iface string, props map[string]any) {
	b.t.Helper()
	vs := map[string]dbus.Variant{}
	for k, v := range props {
		vs[k] = dbus.MakeVariant(v)
	}
	b.Call(name, path, "org.freedesktop.DBus.Mock.UpdateProperties", iface, vs)
}

// Desktop runs logind with one local graphical session of the test's own user.
func (b *testBus) Desktop() *exec.Cmd {
	b.t.Helper()
	login := b.Mock("logind", logindName)
	b.Call(logindName, "/org/freedesktop/login1", "org.freedesktop.DBus.Mock.AddSession", "c1", "seat0", uint32(os.Getuid()), "alice", true)
	b.Set(logindName, "/org/freedesktop/login1/session/c1", "org.freedesktop.login1.Session", map[string]any{"Type": "x11"})
	return login
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

func TestASessionThatBeginsIsTold(t *testing.T) {
	bus := newTestBus(t)
	bus.Mock("logind", logindName)
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{SystemBus: bus.Addr}
	o.setDefaults()
	b := newBus(r, o)
	t.Cleanup(func() { b.close() })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	waitFor(t, func() bool { _, err := b.logind(ctx); return err == nil })
	woken := make(chan struct{}, 64)
	go b.watch(ctx, logindName, func() { woken <- struct{}{} })
	waitFor(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.listeners) == 1 })
	bus.Call(logindName, "/org/freedesktop/login1", "org.freedesktop.DBus.Mock.AddSession", "c1", "seat0", uint32(1000), "alice", true)
	waitFor(t, func() bool { l, err := b.logind(ctx); return err == nil && len(l.Sessions) == 1 })
	if len(woken) == 0 {
		t.Error("a new session woke nobody")
	}
}
