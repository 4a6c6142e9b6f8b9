package keepawake

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// mockLogind starts a private bus with python-dbusmock's logind on it.
func mockLogind(t *testing.T) (address string) {
	t.Helper()
	const python = "/usr/bin/python3" // the distribution's, which has the module
	if exec.Command(python, "-c", "import dbusmock").Run() != nil {
		t.Skip("needs python3-dbusmock (apt install dbus python3-dbusmock)")
	}
	daemon := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=1")
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Skipf("needs dbus-daemon: %v", err)
	}
	stopAtEnd(t, daemon)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the address of the private bus: %v", err)
	}
	address = strings.TrimSpace(line)
	mock := exec.Command(python, "-m", "dbusmock", "--system", "--template", "logind")
	mock.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+address)
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, mock)
	return address
}

func stopAtEnd(t *testing.T, cmd *exec.Cmd) {
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// inhibitors asks logind what is held, until it answers at all.
func inhibitors(t *testing.T, address string) []string {
	t.Helper()
	bus, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	var list []struct {
		What, Who, Why, Mode string
		UID, PID             uint32
	}
	login := bus.Object("org.freedesktop.login1", "/org/freedesktop/login1")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := login.Call("org.freedesktop.login1.Manager.ListInhibitors", 0).Store(&list)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the mock of logind does not answer: %v", err)
		}
	}
	var held []string
	for _, i := range list {
		held = append(held, i.What+" "+i.Mode+" "+i.Who+" "+i.Why)
	}
	return held
}

func TestAHoldIsASleepBlockThatEndsWithItsRelease(t *testing.T) {
	bus := mockLogind(t)
	before := inhibitors(t, bus)
	release, err := Keeper{SystemBus: bus}.Hold(t.Context(), "installing reader")
	if err != nil {
		t.Fatal(err)
	}
	held := inhibitors(t, bus)
	if want := "sleep block lull installing reader"; len(held) != len(before)+1 || held[len(held)-1] != want {
		t.Errorf("held %q, want %q in addition to %q", held, want, before)
	}
	release()
	release() // once more does no harm
	for range 200 {
		if len(inhibitors(t, bus)) == len(before) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("still held after release: %q", inhibitors(t, bus))
}

func TestABusWithoutLogindIsAnErrorAndNoHold(t *testing.T) {
	if release, err := (Keeper{SystemBus: "unix:path=/nonexistent/bus"}).Hold(t.Context(), "x"); err == nil || release != nil {
		t.Fatalf("got a hold from a bus that does not exist: %v", err)
	}
}
