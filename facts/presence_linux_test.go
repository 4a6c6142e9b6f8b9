package facts

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestLeastIdleIsUnknownUnlessEveryExpectedSourceAnswers(t *testing.T) {
	input := report{source: "input", answer: answered, idle: time.Hour, proof: true}
	boot := report{source: "boot", answer: answered, idle: 2 * time.Hour}
	lost := report{source: "logind", answer: silent, why: "gone"}
	agent := report{source: "agent", answer: answered, idle: time.Second, proof: true, agent: true}
	for name, c := range map[string]struct {
		reports []report
		idle    time.Duration
		unknown bool
	}{
		"the least of all sources wins":                {[]report{boot, input, agent}, time.Second, false},
		"a source with nothing to watch is left out":   {[]report{input, {source: "terminals"}}, time.Hour, false},
		"a silent source makes presence unknown":       {[]report{input, lost}, 0, true},
		"boot time alone proves nothing":               {[]report{boot}, 0, true},
		"no source at all is unknown":                  {nil, 0, true},
		"without agents the system's sources stay":     {withoutAgents(nil, []report{input, agent}), time.Hour, false},
		"a lost agent does not stop the system's view": {withoutAgents(nil, []report{input, {source: "a", answer: silent, agent: true}}), time.Hour, false},
		"an idle time is never negative":               {[]report{{answer: answered, idle: -time.Hour, proof: true}}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			idle, _, why := leastIdle(c.reports)
			if idle != c.idle || (why != "") != c.unknown {
				t.Errorf("got idle %v, why %q; want %v, unknown %v", idle, why, c.idle, c.unknown)
			}
		})
	}
}

// world is a machine with several input sources and clocks that people set,
// stepped at random. It knows the truth.
type world struct {
	rng     *rand.Rand
	boot    time.Duration // the boot clock: never jumps
	wall    time.Time     // the wall clock: jumps
	atimes  map[string]time.Time
	truth   time.Duration // boot time of the true last input on any source
	device  time.Duration // last event of the input device
	agent   time.Duration
	agentUp bool
	desktop bool            // logind's idle hint
	hint    time.Duration   // when logind last signalled that it was taken back
	seen    map[string]bool // terminals that existed at a look
}

// step lets time pass and one thing happen.
func (w *world) step() {
	d := time.Duration(w.rng.Int64N(int64(20 * time.Minute)))
	w.boot, w.wall = w.boot+d, w.wall.Add(d)
	switch w.rng.IntN(12) {
	case 0, 1:
		w.device, w.truth = w.boot, w.boot
	case 2, 3:
		w.typeAt(fmt.Sprintf("/dev/pts/%d", w.rng.IntN(4)))
	case 4:
		w.agent, w.truth = w.boot, w.boot
	case 5:
		w.wall = w.wall.Add(time.Duration(w.rng.Int64N(int64(48*time.Hour))) - 24*time.Hour) // somebody sets the clock
	case 6:
		w.boot, w.wall = w.boot+9*time.Hour, w.wall.Add(9*time.Hour) // suspend
	case 7:
		w.agentUp = !w.agentUp
	case 8:
		w.hangUp(fmt.Sprintf("/dev/pts/%d", w.rng.IntN(4)))
	case 9:
		w.desktop = true
	case 10:
		if w.desktop {
			w.desktop, w.truth = false, w.boot // input at a desktop that no other source sees
			w.hint = w.boot
		}
	}
}

// hangUp closes a terminal. One that opens and closes between two looks is
// seen by nobody but the watch on /dev/pts, which makes a look at once; so only
// terminals that were looked at are closed here.
func (w *world) hangUp(name string) {
	if w.seen[name] {
		delete(w.atimes, name)
		delete(w.seen, name)
	}
}

// typeAt is input on a terminal; the kernel moves the access time only when
// eight seconds have passed since the last move.
func (w *world) typeAt(name string) {
	w.truth = w.boot
	if old, ok := w.atimes[name]; !ok || old.Unix()&^7 != w.wall.Unix()&^7 {
		w.atimes[name] = w.wall
	}
}

// eyes are the sources as the collector uses them. Names in blind are ignored.
type eyes struct {
	terminals terminalWatch
	sessions  sessionWatch
	blind     string
}

func (e *eyes) look(w *world) []report {
	now := instant{w.wall, w.boot}
	var atimes []access
	for name, at := range w.atimes {
		atimes = append(atimes, access{name, at.UnixNano()})
		w.seen[name] = true
	}
	e.terminals.look(now, atimes)
	e.sessions.look(w.boot, &logindState{Sessions: []session{{ID: "1", Class: "user", Idle: w.desktop}}})
	e.sessions.returned(w.hint)
	agent := agentReport{agentKey: agentKey{uid: 1}, last: w.agent}
	if !w.agentUp {
		agent.why = "lost"
	}
	all := map[string]report{
		"input":     {answer: answered, idle: w.boot - w.device, proof: true},
		"terminals": {answer: answered, idle: w.boot - e.terminals.last},
		"logind":    {answer: answered, idle: w.boot - e.sessions.last},
		"agent":     agent.report(w.boot),
	}
	delete(all, e.blind)
	var reports []report
	for _, name := range []string{"input", "terminals", "logind", "agent"} {
		if r, ok := all[name]; ok {
			reports = append(reports, r)
		}
	}
	return reports
}

// overstatements plays histories and counts looks at which the machine was
// said to be idle for longer than it truly was.
func overstatements(histories int, blind string) (wrong int) {
	for seed := range uint64(histories) {
		w := &world{rng: rand.New(rand.NewPCG(seed, 7)), boot: time.Hour, wall: time.Unix(1700000000, 0), atimes: map[string]time.Time{}, seen: map[string]bool{}, agentUp: true}
		e := &eyes{blind: blind}
		e.look(w)
		for range 200 {
			w.step()
			if w.rng.IntN(3) > 0 {
				continue
			}
			if idle, _, why := leastIdle(e.look(w)); why == "" && idle > w.boot-w.truth {
				wrong++
			}
		}
	}
	return wrong
}

func TestIdleIsNeverLongerThanTheTrueTimeSinceTheLastInput(t *testing.T) {
	if n := overstatements(300, ""); n != 0 {
		t.Errorf("idle was overstated %d times, want never", n)
	}
}

func TestIgnoringAnySourceIsNoticedByTheHistories(t *testing.T) {
	for _, blind := range []string{"input", "terminals", "logind", "agent"} {
		if overstatements(100, blind) == 0 {
			t.Errorf("without %s idle was never overstated: the histories prove nothing about it", blind)
		}
	}
}

func TestTerminalsSurviveASetClock(t *testing.T) {
	var w terminalWatch
	typed := time.Unix(1700000000, 0)
	at := func(boot time.Duration, wall time.Time) time.Duration {
		w.look(instant{wall, boot}, []access{{"/dev/pts/0", typed.UnixNano()}})
		return boot - w.last
	}
	if got, want := at(time.Hour, typed.Add(time.Minute)), 51*time.Second; got != want {
		t.Errorf("first look: got %v, want %v (a minute less the kernel's eight seconds)", got, want)
	}
	if got, want := at(time.Hour+time.Minute, typed.Add(50*time.Hour)), 111*time.Second; got != want {
		t.Errorf("after the clock was set two days ahead: got %v, want %v", got, want)
	}
}

func TestDeviceEventsAreDatedByTheirOwnTime(t *testing.T) {
	event := func(sec, usec byte) []byte {
		e := make([]byte, eventSize)
		e[0], e[eventSize/2-4] = sec, usec
		return e
	}
	if got := lastEvent(slices.Concat(event(5, 0), event(9, 0)), time.Minute); got != 9*time.Second {
		t.Errorf("got %v, want 9s", got)
	}
	if got := lastEvent(event(200, 0), time.Minute); got != time.Minute {
		t.Errorf("an event of the future: got %v, want now", got)
	}
	if got := lastEvent([]byte{1, 2, 3}, time.Minute); got != time.Minute {
		t.Errorf("half an event: got %v, want now", got)
	}
}
