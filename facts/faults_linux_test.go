package facts_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/facts/agent"
)

// asAgent has this binary be the agent of a session.
const asAgent = "FACTS_TEST_AGENT_SOCKET"

func TestMain(m *testing.M) {
	if socket := os.Getenv(asAgent); socket != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := agent.Run(ctx, agent.Options{Socket: socket, Session: "c1", Wayland: "-", Bus: "-"}); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// desk is a desktop with all its parts real but logind: a bus, an X server, an
// agent, and somebody who watches.
type desk struct {
	t       *testing.T
	g       *facts.Gatherer
	parts   map[string]*exec.Cmd
	restart map[string]func()

	mu   sync.Mutex
	last facts.Value // of presence.idle_seconds, as of the last event or look
}

var presence = facts.Wanted([]string{"facts.presence.idle_seconds"})

func newDesk(t *testing.T) *desk {
	t.Helper()
	for _, tool := range []string{"Xvfb", "xdotool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (apt: xvfb xdotool)", tool)
		}
	}
	bus := facts.NewTestBus(t)
	dir, err := os.MkdirTemp("", "desk")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agents")
	g, err := facts.New(facts.Options{SystemBus: bus.Addr, AgentSocket: socket})
	if err != nil {
		t.Fatal(err)
	}
	facts.OnHost(g)
	d := &desk{t: t, g: g, parts: map[string]*exec.Cmd{}}
	start := func(name string, cmd *exec.Cmd) {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		d.parts[name] = cmd
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	d.restart = map[string]func(){
		"bus":    func() { bus.Start(); d.parts["bus"] = bus.Daemon; d.parts["logind"] = bus.Desktop() },
		"logind": func() { d.parts["logind"] = bus.Desktop() },
		"display": func() {
			start("display", exec.Command("Xvfb", ":76", "-screen", "0", "640x480x24", "-nolisten", "tcp"))
		},
		"agent": func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asAgent+"="+socket, "DISPLAY=:76")
			start("agent", cmd)
		},
	}
	d.parts["bus"] = bus.Daemon
	d.restart["logind"]()
	ctx, cancel := context.WithCancel(t.Context())
	changes := g.Watch(ctx, presence)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range changes {
			d.look()
		}
	}()
	t.Cleanup(func() { cancel(); <-done; g.Close(); os.RemoveAll(dir) })
	facts.Watched(t, g)
	d.restart["display"]()
	d.restart["agent"]()
	d.until(known, false)
	return d
}

// look is one look of somebody who was told that something changed, or who is
// about to start something.
func (d *desk) look() {
	v := d.g.Snapshot(context.Background(), presence, facts.Target{}).Get("presence.idle_seconds")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = v
}

func (d *desk) state() facts.Value {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// unknownFor wants presence to be unknown because of the part that was harmed,
// not because something was slow.
func unknownFor(part string) func(facts.Value) bool {
	says := map[string]string{"agent": "it was lost", "agent hangs": "it does not answer", "display": "X", "logind": "login1", "bus": "system bus",
		"bus hangs": "does not answer"} // it or, as whoever asks cannot tell, logind behind it
	return func(v facts.Value) bool {
		say := says[part]
		if say == "" {
			say = says[strings.TrimSuffix(part, " hangs")]
		}
		return v.State == facts.Unknown && strings.Contains(v.Why, say)
	}
}

// known wants the agent to be among the sources.
func known(v facts.Value) bool { return v.State == facts.Known && strings.Contains(v.Source, "agent") }

// until waits for a state and returns how long that took. With looks, there is
// one each tenth of a second; without, only events tell.
func (d *desk) until(right func(facts.Value) bool, looks bool) time.Duration {
	d.t.Helper()
	began := time.Now()
	for !right(d.state()) {
		if time.Since(began) > 30*time.Second {
			d.t.Fatalf("after %v still %+v", time.Since(began), d.state())
		}
		time.Sleep(10 * time.Millisecond)
		if looks && time.Since(began) > 100*time.Millisecond {
			d.look()
		}
	}
	return time.Since(began).Round(time.Millisecond)
}

func (d *desk) signal(part string, s syscall.Signal) {
	d.t.Helper()
	if err := d.parts[part].Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		_ = d.parts[part].Wait()
	}
}

// attempts is how often a fault is tried until lull is quick enough: the machine
// of the tests may be busy, and then it is not lull that is slow.
const attempts = 3

// quick does a fault again and again, and wants one time in which presence was
// unknown soon enough.
func quick(t *testing.T, limit time.Duration, fault func() (lost time.Duration)) {
	t.Helper()
	least := time.Hour
	for range attempts {
		if least = min(least, fault()); least <= limit {
			return
		}
	}
	t.Errorf("unknown after %v at best, want at most %v", least, limit)
}

// A source that ends is told by an event. One that hangs cannot be: whoever looks
// sees it, at the latest a second after it last answered, and its return is told
// by an event again.
func TestASourceThatDiesOrHangsIsUnknownWithinASecondAndKnownAgainByItself(t *testing.T) {
	d := newDesk(t)
	for _, part := range []string{"agent", "display", "logind", "bus"} {
		for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			if part == "agent" && end == syscall.SIGTERM {
				continue // it takes its leave, and is not missed
			}
			t.Run(part+" "+end.String(), func(t *testing.T) {
				d.t = t
				quick(t, time.Second, func() time.Duration {
					d.signal(part, end)
					lost := d.until(unknownFor(part), false)
					why := d.state().Why
					d.restart[part]()
					back := d.until(known, false)
					t.Logf("unknown after %v (%s), known again %v after its restart", lost, why, back)
					return lost
				})
			})
		}
		t.Run(part+" hangs", func(t *testing.T) {
			d.t = t
			const look = 600 * time.Millisecond // the longest that one may take
			quick(t, time.Second+look, func() time.Duration {
				d.signal(part, syscall.SIGSTOP)
				lost := d.until(unknownFor(part+" hangs"), true)
				why := d.state().Why
				began := time.Now()
				d.look()
				cost := time.Since(began).Round(time.Millisecond)
				d.signal(part, syscall.SIGCONT)
				back := d.until(known, false)
				t.Logf("unknown after %v (%s), a look costs %v meanwhile, known again after %v", lost, why, cost, back)
				if cost > look { // it waited for what hangs
					return time.Hour
				}
				return lost
			})
		})
	}
}
