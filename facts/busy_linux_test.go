package facts

import (
	"errors"
	"maps"
	"net"
	"os"
	"testing"
	"time"
)

func TestEachBusyReasonIsShownWithItsAge(t *testing.T) {
	var w busyWatch
	w.look(time.Hour, map[string]time.Duration{"call by a": 0})
	newest := w.look(time.Hour+90*time.Second, map[string]time.Duration{"call by a": 0, "game by the agent of user 7": 20 * time.Second})
	if newest != 20*time.Second {
		t.Errorf("newest: got %v, want 20s", newest)
	}
	want := "call by a for 1m30s; game by the agent of user 7 for 20s"
	if got := w.describe(time.Hour + 90*time.Second); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if w.look(2*time.Hour, nil); w.describe(2*time.Hour) != "" {
		t.Errorf("after all were released: got %q, want nothing", w.describe(2*time.Hour))
	}
}

// busyOf collects the busy facts of a machine with the given files.
func busyOf(t *testing.T, p *presenceCollector, at time.Duration, l *logindState, err error, told []agentReport) map[fact]cell {
	t.Helper()
	b := newBatch(instant{boot: at})
	b.want[busy], b.want[busySeconds], b.want[agentBusySeconds] = true, true, true
	p.collectBusy(b, l, err, told)
	return map[fact]cell{busy: b.cell(busy), busySeconds: b.cell(busySeconds), agentBusySeconds: b.cell(agentBusySeconds)}
}

// A call in a session whose agent fell silent is still a call, and a film where
// nobody would tell of it is still a film.
func TestBusyIsUnknownWhereSomebodyShouldTellAndDoesNot(t *testing.T) {
	bare := map[string]string{"proc/uptime": "1 1"}
	seats := map[string]string{"run/systemd/seats/seat0": "IS_SEAT0=1"}
	screen := map[string]string{"sys/class/drm/card0-eDP-1/status": "connected"}
	unplugged := map[string]string{"sys/class/drm/card0-VGA-1/status": "disconnected"}
	microphone := map[string]string{"proc/asound/card0/pcm0c/sub0/status": "state: RUNNING"}
	heard := func(status string) map[string]string {
		return map[string]string{"proc/asound/card0/pcm0c/sub0/status": status}
	}
	here := func(r agentReport) []agentReport {
		r.agentKey = agentKey{uint32(os.Getuid()), "c1"}
		return []agentReport{r}
	}
	none := &absentError{logindName}
	for _, c := range []struct {
		name  string
		files map[string]string
		l     *logindState
		err   error
		told  []agentReport
		want  cellState
		age   cellState // of busy_seconds
	}{
		{"nobody is logged in", bare, &logindState{}, nil, nil, cellKnown, cellNotApplicable},
		{"an agent with nothing to tell", bare, desktops("c1"), nil, here(agentReport{}), cellKnown, cellNotApplicable},
		{"a desktop without an agent", bare, desktops("c1"), nil, nil, cellUnknown, cellUnknown},
		{"a desktop beside one that has an agent", bare, desktops("c1", "c2"), nil, here(agentReport{}), cellUnknown, cellUnknown},
		{"an agent that was lost", bare, desktops("c1"), nil, here(agentReport{why: "it was lost"}), cellUnknown, cellUnknown},
		{"nobody can be asked", bare, &logindState{}, nil, []agentReport{{name: "agents", why: "no socket"}}, cellUnknown, cellUnknown},
		{"one is silent and another in a call", bare, desktops("c1"), nil,
			append(here(agentReport{why: "it was lost"}), agentReport{busy: map[string]time.Duration{busyCall: time.Minute}}), cellKnown, cellUnknown},
		{"the session manager does not answer", bare, nil, errors.New("time-out"), nil, cellUnknown, cellUnknown},
		{"no session manager where there were seats", seats, nil, none, nil, cellUnknown, cellUnknown},
		{"no session manager, a screen", screen, nil, none, nil, cellUnknown, cellUnknown},
		{"no session manager, a screen, a call", map[string]string{"sys/class/drm/card0-eDP-1/status": "connected",
			"proc/asound/card0/pcm0c/sub0/status": "state: RUNNING"}, nil, none, nil, cellKnown, cellUnknown},
		{"no session manager, no screen: nothing can be shown", unplugged, nil, none, nil, cellKnown, cellNotApplicable},
		{"no bus, nothing at all", bare, nil, errNoBus, nil, cellKnown, cellNotApplicable},
		{"no session manager, a microphone in use", microphone, nil, none, nil, cellKnown, cellKnown},
		{"a microphone that is open and silent", heard("state: PREPARED\n"), nil, none, nil, cellKnown, cellNotApplicable},
		{"a microphone that is not in use", heard("closed\n"), nil, none, nil, cellKnown, cellNotApplicable},
		{"a microphone that says what cannot be", heard("state: RUN"), nil, none, nil, cellUnknown, cellUnknown},
		{"a microphone that says nothing", heard(""), nil, none, nil, cellUnknown, cellUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := plant(t, maps.Clone(c.files))
			p := &presenceCollector{root: r, devices: newUevents(&changes{root: r})}
			cells := busyOf(t, p, time.Hour, c.l, c.err, c.told)
			if got := cells[busy]; got.state != c.want || c.want == cellUnknown && got.text == "" {
				t.Errorf("busy: got state %d (%s), want %d", got.state, got.text, c.want)
			}
			if got := cells[busySeconds]; got.state != c.age {
				t.Errorf("its age: got state %d (%s), want %d", got.state, got.text, c.age)
			}
			if got := cells[busy]; got.state == cellKnown && c.err != nil && c.age == cellNotApplicable && got.origin.quality != assumed {
				t.Errorf("without a session manager: got quality %s, want assumed", got.origin.quality)
			}
		})
	}
}

func TestADisplayServerIsAScreen(t *testing.T) {
	l, err := net.Listen("unix", "@/tmp/.X11-unix/X4711")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	if p := (&presenceCollector{root: r}); !p.hasDisplayServer() {
		t.Error("an X server's socket was not seen")
	}
}

// A user who is elsewhere has an agent that finds a new reason every hour, while
// somebody else works at the machine now and then.
func TestAgentsOfUsersElsewhereCannotKeepTheMachineBusyWithoutLimit(t *testing.T) {
	here := &logindState{Sessions: []session{{ID: "1", UID: 7, Class: "user", Kind: "wayland", State: "active", Seat: "seat0"},
		{ID: "2", UID: 8, Class: "user", Kind: "wayland", State: "online", Seat: "seat0"}}}
	quiet := agentReport{agentKey: agentKey{7, "1"}}
	called := agentReport{agentKey: agentKey{7, "1"}, busy: map[string]time.Duration{busyCall: 0}}
	elsewhere := func(reason string) agentReport {
		return agentReport{agentKey: agentKey{8, "2"}, busy: map[string]time.Duration{reason: time.Minute}}
	}
	lost := agentReport{agentKey: agentKey{8, "2"}, why: "it was lost"}
	r := plant(t, map[string]string{"proc/uptime": "1 1"})
	p := &presenceCollector{root: r, devices: newUevents(&changes{root: r})}
	held := func(at time.Duration, told ...agentReport) int64 {
		t.Helper()
		c := busyOf(t, p, at, here, nil, told)[agentBusySeconds]
		if c.state != cellKnown {
			t.Fatalf("after %v: got state %d (%s), want known", at, c.state, c.text)
		}
		return int64(c.bits)
	}
	at := time.Hour
	for range 6 * 24 {
		held(at, quiet, elsewhere([]string{busyGame, busyFullscreen}[int(at/time.Hour)%2]))
		at += 25 * time.Minute
	}
	if got := held(at, called, elsewhere(busyGame)); got != 0 {
		t.Errorf("the user at the machine is in a call: agents elsewhere hold it for %d s, want 0", got)
	}
	want := int64((at - time.Hour) / time.Second)
	if got := held(at, quiet, elsewhere(busyGame)); got != want {
		t.Errorf("after the call: got %d s, want %d: that others use the machine is no break", got, want)
	}
	if got := held(at+time.Minute, quiet, lost); got != want+60 {
		t.Errorf("silent: got %d s, want %d", got, want+60)
	}
	if got := held(at+2*time.Minute, quiet, agentReport{agentKey: agentKey{8, "2"}}); got != 0 {
		t.Errorf("a break: got %d s, want 0", got)
	}
	if c := busyOf(t, p, at, here, nil, []agentReport{elsewhere(busyGame)})[agentBusySeconds]; c.state != cellUnknown {
		t.Errorf("the session at the machine has no agent: got state %d, want unknown", c.state)
	}
}
