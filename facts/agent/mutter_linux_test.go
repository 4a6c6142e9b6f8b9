package agent_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/facts/agent"
)

// sessionBus runs a real private session bus.
func sessionBus(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("dbus-daemon is not installed (apt: dbus)")
	}
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	addr := "unix:path=" + filepath.Join(dir, "s")
	daemon := exec.Command("dbus-daemon", "--session", "--nofork", "--address="+addr)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait(); os.RemoveAll(dir) })
	for range 400 {
		if conn, err := dbus.Connect(addr); err == nil {
			conn.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the private bus does not answer")
	return ""
}

// fakeMutter speaks org.gnome.Mutter.IdleMonitor as Mutter does.
type fakeMutter struct {
	conn    *dbus.Conn
	watches chan string
	refuse  atomic.Bool // all watches
}

var errRefused = dbus.MakeFailedError(errors.New("refused"))

func (m *fakeMutter) GetIdletime() (uint64, *dbus.Error) { return 123456, nil }

func (m *fakeMutter) AddIdleWatch(interval uint64) (uint32, *dbus.Error) {
	if m.refuse.Load() {
		return 0, errRefused
	}
	m.watches <- "idle"
	return 7, nil
}

func (m *fakeMutter) AddUserActiveWatch() (uint32, *dbus.Error) {
	if m.refuse.Load() {
		return 0, errRefused
	}
	m.watches <- "active"
	return 8, nil
}

const monitorPath, monitorName = "/org/gnome/Mutter/IdleMonitor/Core", "org.gnome.Mutter.IdleMonitor"

func startMutter(t *testing.T, addr string) *fakeMutter {
	t.Helper()
	conn, err := dbus.Connect(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m := &fakeMutter{conn: conn, watches: make(chan string, 16)}
	if err := conn.Export(m, monitorPath, monitorName); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(monitorName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *fakeMutter) fire(t *testing.T, id uint32) {
	t.Helper()
	if err := m.conn.Emit(monitorPath, monitorName+".WatchFired", id); err != nil {
		t.Fatal(err)
	}
}

func (m *fakeMutter) watched(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-m.watches:
		if got != want {
			t.Fatalf("got a watch for %s, want %s", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("no watch for %s was added", want)
	}
}

func TestMuttersWatchesTellOfTheReturnAndItsLossIsNoticed(t *testing.T) {
	addr := sessionBus(t)
	m := startMutter(t, addr)
	l := startAgent(t, agent.Options{Display: "-", Wayland: "-", Bus: addr})
	l.until("connected", func(m facts.AgentMessage) bool { return m.Error == "" && m.IdleSeconds == 123.456 })
	m.watched(t, "idle")
	m.fire(t, 7)
	m.watched(t, "active")
	l.drain()
	m.fire(t, 8)
	l.announced()

	m.conn.Close()
	l.announced()
	l.until("without Mutter", func(m facts.AgentMessage) bool { return m.Error != "" })
	m = startMutter(t, addr)
	m.watched(t, "idle")
	l.until("with a new Mutter", func(m facts.AgentMessage) bool { return m.Error == "" })
}

// Whose return nobody would tell of is not known to be away.
func TestMutterIsNotBelievedWhileItTakesNoWatch(t *testing.T) {
	addr := sessionBus(t)
	m := startMutter(t, addr)
	l := startAgent(t, agent.Options{Display: "-", Wayland: "-", Bus: addr})
	l.until("connected", func(m facts.AgentMessage) bool { return m.Error == "" })
	m.watched(t, "idle")
	m.refuse.Store(true)
	m.fire(t, 7)
	l.until("no watch for the return", func(m facts.AgentMessage) bool { return m.Error != "" })
	m.refuse.Store(false)
	l.until("a watch after all", func(m facts.AgentMessage) bool { return m.Error == "" })
	m.watched(t, "active")
	l.drain()
	m.fire(t, 8)
	l.announced()
}

// answers is a service whose one answer the test sets.
type answers struct{ v any }

func (a *answers) IsInhibited(flags uint32) (bool, *dbus.Error) {
	return flags == 8 && a.v == true, nil
}

func (a *answers) HasInhibition(policies uint32) (bool, *dbus.Error) {
	return policies == 4 && a.v == true, nil
}

func (a *answers) Get(iface, property string) (dbus.Variant, *dbus.Error) {
	if iface != "com.feralinteractive.GameMode" || property != "ClientCount" {
		return dbus.Variant{}, dbus.MakeFailedError(os.ErrInvalid)
	}
	return dbus.MakeVariant(a.v), nil
}

func TestInhibitorsAndGamesOfTheSessionAreReasonsNotToDisturb(t *testing.T) {
	for name, c := range map[string]struct {
		path          dbus.ObjectPath
		iface, reason string
		holding, not  any
	}{
		"org.gnome.SessionManager":                  {"/org/gnome/SessionManager", "org.gnome.SessionManager", "display_inhibited", true, false},
		"org.kde.Solid.PowerManagement.PolicyAgent": {"/org/kde/Solid/PowerManagement/PolicyAgent", "org.kde.Solid.PowerManagement.PolicyAgent", "display_inhibited", true, false},
		"com.feralinteractive.GameMode":             {"/com/feralinteractive/GameMode", "org.freedesktop.DBus.Properties", "game", int32(1), int32(0)},
	} {
		t.Run(name, func(t *testing.T) {
			addr := sessionBus(t)
			l := startAgent(t, agent.Options{Display: "-", Wayland: "-", Bus: addr})
			startMutter(t, addr)
			calm := func(m facts.AgentMessage) bool { return m.Error == "" && len(m.Busy) == 0 }
			l.until("without the service", calm)
			service(t, addr, name, c.path, c.iface, &answers{c.holding})
			l.until("held", func(m facts.AgentMessage) bool { _, ok := m.Busy[c.reason]; return ok && len(m.Busy) == 1 })
			service(t, addr, name, c.path, c.iface, &answers{c.not})
			l.until("released", calm)
		})
	}
}

// service takes over a name on the bus.
func service(t *testing.T, addr, name string, path dbus.ObjectPath, iface string, v any) {
	t.Helper()
	conn, err := dbus.Connect(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.Export(v, path, iface); err != nil {
		t.Fatal(err)
	}
	if r, err := conn.RequestName(name, dbus.NameFlagAllowReplacement|dbus.NameFlagReplaceExisting); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name %s: %v %v", name, r, err)
	}
}
