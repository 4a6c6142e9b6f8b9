package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
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
}

func (m *fakeMutter) GetIdletime() (uint64, *dbus.Error) { return 123456, nil }

func (m *fakeMutter) AddIdleWatch(interval uint64) (uint32, *dbus.Error) {
	m.watches <- "idle"
	return 7, nil
}

func (m *fakeMutter) AddUserActiveWatch() (uint32, *dbus.Error) {
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
	m := &fakeMutter{conn, make(chan string, 16)}
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
