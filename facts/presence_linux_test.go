package facts

import (
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

func TestTerminalsSurviveASetClock(t *testing.T) {
	var w terminalWatch
	typed := time.Unix(1700000000, 0)
	at := func(boot time.Duration, wall time.Time) time.Duration {
		w.look(instant{wall: wall, boot: boot}, []access{{"/dev/pts/0", typed.UnixNano()}})
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
