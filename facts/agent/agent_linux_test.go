package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/facts/agent"
)

// xServer runs a real X server on a display until the returned function ends it.
func xServer(t *testing.T, display string) (stop func()) {
	t.Helper()
	for _, tool := range []string{"Xvfb", "xdotool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (apt: xvfb xdotool)", tool)
		}
	}
	server := exec.Command("Xvfb", display, "-screen", "0", "640x480x24", "-nolisten", "tcp")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = server.Process.Kill(); _ = server.Wait() })
	t.Cleanup(stop)
	return stop
}

func press(t *testing.T, display string) {
	t.Helper()
	cmd := exec.Command("xdotool", "key", "a")
	cmd.Env = append(os.Environ(), "DISPLAY="+display)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("xdotool: %v %s", err, out)
	}
}

func TestTheAgentReportsWhatARealXServerSees(t *testing.T) {
	const display = ":77"
	stop := xServer(t, display)
	l := startAgent(t, agent.Options{Display: display, Bus: "-", Wayland: "-", Away: time.Second})
	l.until("untouched", func(m facts.AgentMessage) bool { return m.Error == "" && m.IdleSeconds >= 1.5 })
	l.drain()
	press(t, display)
	l.announced()
	if m := l.ask(); m.Error != "" || m.IdleSeconds > l.pressed() {
		t.Errorf("after a key: got %+v, want idle for less than since then", m)
	}

	stop()
	l.until("with a dead server", func(m facts.AgentMessage) bool { return m.Error != "" })
	xServer(t, display)
	l.until("with a new server", func(m facts.AgentMessage) bool { return m.Error == "" })
	l.until("untouched again", func(m facts.AgentMessage) bool { return m.Error == "" && m.IdleSeconds >= 1.5 })
	l.drain()
	press(t, display)
	l.announced()
}

func TestAFullScreenWindowIsAReasonNotToDisturb(t *testing.T) {
	const display = ":79"
	xServer(t, display)
	l := startAgent(t, agent.Options{Display: display, Bus: "-", Wayland: "-"})
	l.until("connected", func(m facts.AgentMessage) bool { return m.Error == "" && len(m.Busy) == 0 })

	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	screen := xproto.Setup(conn).DefaultScreen(conn)
	window, err := xproto.NewWindowId(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := xproto.CreateWindowChecked(conn, screen.RootDepth, window, screen.Root, 0, 0, 640, 480, 0, xproto.WindowClassInputOutput, screen.RootVisual, 0, nil).Check(); err != nil {
		t.Fatal(err)
	}
	setProperty(t, conn, window, "_NET_WM_STATE", "ATOM", uint32(atom(t, conn, "_NET_WM_STATE_FULLSCREEN")))
	if m := l.ask(); len(m.Busy) != 0 {
		t.Errorf("a window in the background: got %+v, want no reason", m)
	}
	setProperty(t, conn, screen.Root, "_NET_ACTIVE_WINDOW", "WINDOW", uint32(window))
	l.until("in the foreground", func(m facts.AgentMessage) bool { _, ok := m.Busy["fullscreen"]; return ok })
	l.until("for a while", func(m facts.AgentMessage) bool { return m.Busy["fullscreen"] > 0.2 })
	if err := xproto.DestroyWindowChecked(conn, window).Check(); err != nil {
		t.Fatal(err)
	}
	l.until("closed", func(m facts.AgentMessage) bool { return m.Error == "" && len(m.Busy) == 0 })
}

func atom(t *testing.T, conn *xgb.Conn, name string) xproto.Atom {
	t.Helper()
	reply, err := xproto.InternAtom(conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return reply.Atom
}

func setProperty(t *testing.T, conn *xgb.Conn, w xproto.Window, name, kind string, value uint32) {
	t.Helper()
	data := make([]byte, 4)
	xgb.Put32(data, value)
	if err := xproto.ChangePropertyChecked(conn, xproto.PropModeReplace, w, atom(t, conn, name), atom(t, conn, kind), 32, 1, data).Check(); err != nil {
		t.Fatal(err)
	}
}

// A person who uses native Wayland windows leaves the X server beside them idle.
func TestAnXServerBesideAWaylandCompositorProvesNothing(t *testing.T) {
	const display = ":78"
	xServer(t, display)
	l := startAgent(t, agent.Options{Display: display, Bus: "-", Wayland: "wayland-0"})
	l.until("connected", func(m facts.AgentMessage) bool {
		return m.Error != "still connecting" && !strings.Contains(m.Error, display)
	})
	if m := l.ask(); m.Error == "" {
		t.Errorf("got %+v, want an error", m)
	}
}

// lull is the daemon's side of the agent's socket.
type lull struct {
	t        *testing.T
	conn     net.Conn
	messages chan facts.AgentMessage
	unasked  chan facts.AgentMessage
	asked    uint64
	drained  time.Time
}

// startAgent runs an agent and takes its connection.
func startAgent(t *testing.T, o agent.Options) *lull {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // socket paths are short
	if err != nil {
		t.Fatal(err)
	}
	o.Socket = filepath.Join(dir, "s")
	if o.Deadline == 0 {
		o.Deadline = 10 * time.Second
	}
	listener, err := net.Listen("unix", o.Socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx, o) }()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l := &lull{t: t, conn: conn, messages: make(chan facts.AgentMessage, 64), unasked: make(chan facts.AgentMessage, 64)}
	go l.read()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
		conn.Close()
		listener.Close()
		os.RemoveAll(dir)
	})
	return l
}

func (l *lull) read() {
	for answers := json.NewDecoder(l.conn); ; {
		var m facts.AgentMessage
		if answers.Decode(&m) != nil {
			return
		}
		if m.Answers > 0 {
			l.messages <- m
		} else {
			l.unasked <- m
		}
	}
}

func (l *lull) ask() facts.AgentMessage {
	l.t.Helper()
	l.asked++
	if _, err := fmt.Fprintf(l.conn, "ask %d\n", l.asked); err != nil {
		l.t.Fatal(err)
	}
	select {
	case m := <-l.messages:
		if m.Answers != l.asked {
			l.t.Fatalf("question %d: got answer %d", l.asked, m.Answers)
		}
		return m
	case <-time.After(30 * time.Second):
		l.t.Fatal("no answer")
		panic("unreachable")
	}
}

// until asks again and again until the answer is right.
func (l *lull) until(when string, right func(facts.AgentMessage) bool) {
	l.t.Helper()
	var m facts.AgentMessage
	for range 600 {
		if m = l.ask(); right(m) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.t.Fatalf("%s: still got %+v", when, m)
}

// drain forgets what was announced so far.
func (l *lull) drain() {
	l.drained = time.Now()
	for {
		select {
		case <-l.unasked:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

// pressed is at least the time since the key that follows drain.
func (l *lull) pressed() float64 { return time.Since(l.drained).Seconds() }

func (l *lull) announced() {
	l.t.Helper()
	select {
	case m := <-l.unasked:
		if !m.Returned {
			l.t.Errorf("got %+v, want the user's return", m)
		}
	case <-time.After(20 * time.Second):
		l.t.Error("the user's return was not announced")
	}
}
