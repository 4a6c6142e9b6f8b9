package facts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// loggedInAt is a person's session on a virtual terminal, as logind tells of it.
func loggedInAt(t *testing.T, vt uint32, kind, class string) *logindState {
	t.Helper()
	s, err := sessionOf(listedSession{ID: "3", UID: 1000, Seat: "seat0"}, props{"Class": dbus.MakeVariant(class), "Type": dbus.MakeVariant(kind),
		"State": dbus.MakeVariant("active"), "Remote": dbus.MakeVariant(false), "VTNr": dbus.MakeVariant(vt)})
	if err != nil {
		t.Fatal(err)
	}
	return &logindState{Sessions: []session{s}}
}

// kdSetMode does what a display server does when it starts.
const kdSetMode = 0x4B3A

// freeTerminal is a virtual terminal that shows text and that nobody holds.
func freeTerminal(t *testing.T) (vt uint32, fd int) {
	t.Helper()
	for vt = 60; vt > 50; vt-- {
		fd, err := unix.Open(fmt.Sprintf("/dev/tty%d", vt), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if mode, err := unix.IoctlGetUint32(fd, kdGetMode); err == nil && mode != kdGraphics && unix.IoctlSetInt(fd, kdSetMode, kdGraphics) == nil {
			t.Cleanup(func() { _ = unix.IoctlSetInt(fd, kdSetMode, 0); unix.Close(fd) })
			return vt, fd
		}
		unix.Close(fd)
	}
	t.Skip("no virtual terminal can be opened here (needs root and a kernel with CONFIG_VT)")
	return 0, -1
}

func TestASessionOfATerminalThatShowsGraphicsNeedsAnAgent(t *testing.T) {
	vt, fd := freeTerminal(t)
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	p := &presenceCollector{root: r, devices: newUevents(&changes{root: r})}
	look := func(l *logindState, told ...agentReport) cell {
		t.Helper()
		return busyOf(t, p, time.Hour, p.withGraphics(l), nil, told)[busy]
	}
	text := loggedInAt(t, vt, "tty", "user")
	if got := look(text); got.state != cellUnknown || !strings.Contains(got.text, "shows graphics") {
		t.Errorf("startx without an agent: got state %d (%s), want unknown", got.state, got.text)
	}
	if text.Sessions[0].Graphics {
		t.Error("what logind said was changed")
	}
	if got := look(text, agentReport{agentKey: agentKey{1000, "3"}}); got.state != cellKnown {
		t.Errorf("startx with an agent: got state %d (%s), want known", got.state, got.text)
	}
	if got := look(loggedInAt(t, vt, "tty", "greeter")); got.state != cellKnown {
		t.Errorf("a greeter: got state %d (%s), want known", got.state, got.text)
	}
	if (&sessionWatch{}).covered(p.withGraphics(text), nil) {
		t.Error("the session has no agent, and its input devices need not be read")
	}
	if err := unix.IoctlSetInt(fd, kdSetMode, 0); err != nil {
		t.Fatal(err)
	}
	if got := look(text); got.state != cellKnown {
		t.Errorf("text: got state %d (%s), want known", got.state, got.text)
	}
}

// Looking at a terminal is no use of it, and what cannot be looked at is not
// taken for text.
func TestATerminalThatCannotBeLookedAtIsNotTakenForText(t *testing.T) {
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	p := &presenceCollector{root: r, devices: newUevents(&changes{root: r})}
	l := p.withGraphics(loggedInAt(t, 4711, "tty", "user"))
	if got := busyOf(t, p, time.Hour, l, nil, nil)[busy]; got.state != cellUnknown || !strings.Contains(got.text, "/dev/tty4711") {
		t.Errorf("got state %d (%s), want unknown", got.state, got.text)
	}
	if l.Sessions[0].graphical() || (&sessionWatch{}).covered(l, nil) {
		t.Error("it is taken for graphical, or for one whose agent sees everything")
	}
	var before, after unix.Stat_t
	if unix.Stat("/dev/tty1", &before) != nil {
		return
	}
	_, _ = showsGraphics(r, 1)
	if err := unix.Stat("/dev/tty1", &after); err != nil || after.Atim != before.Atim {
		t.Errorf("the terminal was used at %v, and after a look at %v (%v)", before.Atim, after.Atim, err)
	}
}
