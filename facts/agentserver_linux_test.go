package facts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakeAgent speaks the agent's protocol.
type fakeAgent struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Scanner
}

func (f *fakeAgent) say(m AgentMessage) {
	f.t.Helper()
	if err := json.NewEncoder(f.conn).Encode(m); err != nil {
		f.t.Fatal(err)
	}
}

// question waits to be asked and returns the question's number.
func (f *fakeAgent) question() (n uint64) {
	if f.in.Scan() {
		_, _ = fmt.Sscanf(f.in.Text(), "ask %d", &n)
	}
	return n
}

// answering answers every question with the same idle time.
func (f *fakeAgent) answering(idle float64) {
	go func() {
		for n := f.question(); n > 0; n = f.question() {
			_ = json.NewEncoder(f.conn).Encode(AgentMessage{Answers: n, IdleSeconds: idle})
		}
	}()
}

func startServer(t *testing.T) (*agentServer, func(session string) *fakeAgent) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agents")
	if err != nil {
		t.Fatal(err)
	}
	s := newAgentServer(&Options{AgentSocket: filepath.Join(dir, "s"), Deadline: 5 * time.Second, Logger: slog.New(slog.DiscardHandler)}, new(atomic.Uint64))
	t.Cleanup(func() { s.close(); os.RemoveAll(dir) })
	if why := s.start(); why != "" {
		t.Fatal(why)
	}
	return s, func(session string) *fakeAgent {
		before := s.count()
		conn, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		f := &fakeAgent{t, conn, bufio.NewScanner(conn)}
		f.say(AgentMessage{Session: session, Returned: true})
		waitFor(t, func() bool { return s.count() != before })
		return f
	}
}

func (s *agentServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.agents)
}

// desktops are graphical sessions of the user that runs the test.
func desktops(ids ...string) *logindState {
	l := &logindState{}
	for _, id := range ids {
		l.Sessions = append(l.Sessions, session{ID: id, UID: uint32(os.Getuid()), Class: "user", Kind: "wayland", State: "active", Seat: "seat0"})
	}
	return l
}

func TestOneAgentDoesNotStandForTwoSessionsOfItsUser(t *testing.T) {
	s, connect := startServer(t)
	connect("").answering(600)
	var w sessionWatch
	one := desktops("c1")
	if told := s.ask(t.Context(), one); !w.covered(one, told) {
		t.Errorf("one session, one agent: not covered by %+v", told)
	}
	two := desktops("c1", "c2")
	if told := s.ask(t.Context(), two); w.covered(two, told) {
		t.Errorf("two sessions are covered by one agent: %+v", told)
	}
	connect("c1").answering(600)
	if told := s.ask(t.Context(), two); w.covered(two, told) {
		t.Errorf("c2 is covered by an agent of c1: %+v", told)
	}
	connect("c2").answering(600)
	if told := s.ask(t.Context(), two); !w.covered(two, told) {
		t.Errorf("each session has its agent: not covered by %+v", told)
	}
}

func TestALostAgentIsMissedUntilItsSessionEnds(t *testing.T) {
	s, connect := startServer(t)
	connect("c1").conn.Close()
	waitFor(t, func() bool { return s.count() == 0 })
	now := sinceBoot()
	for name, l := range map[string]*logindState{"its session goes on": desktops("c1", "c2"), "logind does not answer": nil} {
		if _, _, why := leastIdle(reportsOf(s.ask(t.Context(), l), now)); !strings.Contains(why, "lost") {
			t.Errorf("%s: presence is known, want unknown because the agent was lost; got %q", name, why)
		}
	}
	if told := s.ask(t.Context(), desktops("c2")); len(told) != 0 {
		t.Errorf("after its session ended: got %+v, want nothing", told)
	}
}

func TestAnAgentThatIsBackOrTookItsLeaveIsNotMissed(t *testing.T) {
	s, connect := startServer(t)
	connect("c1").conn.Close()
	waitFor(t, func() bool { return s.count() == 0 })
	back := connect("c1")
	back.answering(600)
	if told := s.ask(t.Context(), desktops("c1")); len(told) != 1 || told[0].why != "" {
		t.Errorf("after it came back: got %+v, want its answer alone", told)
	}
	back.say(AgentMessage{LoggedOut: true})
	waitFor(t, func() bool { return s.count() == 0 })
	if told := s.ask(t.Context(), desktops("c1")); len(told) != 0 {
		t.Errorf("after it logged out: got %+v, want nothing", told)
	}
}

func TestAnAnswerThatCameTooLateIsNotTakenForTheNext(t *testing.T) {
	s, connect := startServer(t)
	f := connect("c1")
	s.deadline = 50 * time.Millisecond
	if told := s.ask(t.Context(), nil); told[0].why == "" {
		t.Fatalf("an agent that is silent answered: %+v", told)
	}
	f.say(AgentMessage{Answers: f.question(), IdleSeconds: 3600})
	s.deadline = 5 * time.Second
	go func() { f.say(AgentMessage{Answers: f.question(), IdleSeconds: 1}) }()
	told := s.ask(t.Context(), nil)
	if idle := sinceBoot() - told[0].last; told[0].why != "" || idle > 30*time.Minute {
		t.Errorf("got idle for %v, why %q; want the answer to this question, a second", idle, told[0].why)
	}
}

func TestAnAgentsReturnWakesAtOnce(t *testing.T) {
	s, connect := startServer(t)
	f := connect("c1")
	woken := make(chan struct{}, 8)
	go s.watch(t.Context(), func() { woken <- struct{}{} })
	waitFor(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.wakers) == 1 })
	f.say(AgentMessage{Returned: true})
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Error("nobody was woken")
	}
}

func TestASocketThatCannotBeHadMakesPresenceUnknownAndIsRetried(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	var log strings.Builder
	s := newAgentServer(&Options{AgentSocket: filepath.Join(dir, "s"), Deadline: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))}, new(atomic.Uint64))
	t.Cleanup(s.close)
	_, _, why := leastIdle(reportsOf(s.ask(t.Context(), nil), sinceBoot()))
	if !strings.Contains(why, "agents cannot reach lull") || !strings.Contains(log.String(), "agents cannot report") {
		t.Errorf("got why %q and log %q, want both to tell of the socket", why, log.String())
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(s.ask(t.Context(), nil)) == 0 })
}

func TestOneUserCannotHoldEveryConnection(t *testing.T) {
	s, connect := startServer(t)
	for i := range agentLimit {
		connect(fmt.Sprint(i))
	}
	conn, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("connection %d: got %v, want it closed", agentLimit+1, err)
	}
}

func TestTheSessionOfAProcessIsItsScope(t *testing.T) {
	for cgroup, want := range map[string]string{
		"0::/user.slice/user-1000.slice/session-42.scope\n":                                   "42",
		"12:pids:/user.slice/user-1000.slice/session-c1.scope/x\n0::/\n":                      "c1",
		"0::/user.slice/user-1000.slice/user@1000.service/session.slice/lull-agent.service\n": "",
		"": "",
	} {
		if got := sessionOfCgroup(cgroup); got != want {
			t.Errorf("%q: got %q, want %q", cgroup, got, want)
		}
	}
}

func reportsOf(told []agentReport, now time.Duration) []report {
	reports := []report{{answer: answered, idle: time.Hour, proof: true}}
	for _, a := range told {
		reports = append(reports, a.report(now))
	}
	return reports
}
