package facts

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAHoldEndsWithABreakOrWhenNobodyLooked(t *testing.T) {
	var h holdWatch
	for _, step := range []struct {
		name    string
		at      time.Duration
		holding bool
		silent  bool
		want    time.Duration
	}{
		{"nobody holds", time.Minute, false, false, 0},
		{"a hold begins", 2 * time.Minute, true, false, 0},
		{"it lasts", 30 * time.Minute, true, false, 28 * time.Minute},
		{"it lasts longer", 60 * time.Minute, true, false, 58 * time.Minute},
		{"a break ends it", 61 * time.Minute, false, false, 0},
		{"it begins anew", 62 * time.Minute, true, false, 0},
		{"nobody looked for long", 93 * time.Minute, true, false, 0},
		{"the agent falls silent", 95 * time.Minute, true, true, 2 * time.Minute},
		{"silence is no break", 5 * time.Hour, true, true, 5*time.Hour - 93*time.Minute},
	} {
		if got := h.look(step.at, step.holding, step.silent); got != step.want {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
}

func TestOnlyAgentsOfUsersWhoAreNotAtTheMachineCanBeOverruled(t *testing.T) {
	at := func(state, seat string, remote bool) *logindState {
		return &logindState{Sessions: []session{{ID: "1", UID: 7, Class: "user", Kind: "wayland", State: state, Seat: seat, Remote: remote}}}
	}
	for name, c := range map[string]struct {
		l    *logindState
		want bool
	}{
		"in front of it":         {at("active", "seat0", false), true},
		"switched away":          {at("online", "seat0", false), false},
		"on a remote desktop":    {at("active", "", true), false},
		"gone":                   {&logindState{}, false},
		"logind does not answer": {nil, true},
	} {
		if got := (agentReport{agentKey: agentKey{uid: 7}}).seated(c.l); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestAgentsElsewhereHoldThoughSomebodyIsAtTheMachine(t *testing.T) {
	input := report{source: "input", answer: answered, idle: time.Second, proof: true}
	for name, c := range map[string]struct {
		reports       []report
		holding, mute bool
	}{
		"somebody elsewhere too":        {[]report{input, {answer: answered, idle: time.Minute, agent: true}}, true, false},
		"somebody elsewhere had a rest": {[]report{input, {answer: answered, idle: heldBreak, agent: true}}, false, false},
		"an agent is silent":            {[]report{input, {answer: silent, agent: true}}, true, true},
		"a source here is silent":       {[]report{{answer: silent}}, false, false},
		"nobody elsewhere":              {[]report{input}, false, false},
	} {
		if holding, mute := heldByAgents(c.reports); holding != c.holding || mute != c.mute {
			t.Errorf("%s: got %v, %v; want %v, %v", name, holding, mute, c.holding, c.mute)
		}
	}
}

func TestAHoldIsLookedAtInTimeWhileSomebodyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p presenceCollector
		p.held.look(time.Minute, true, false)
		p.keepLooking()
		if p.holds.timer != nil {
			t.Error("nobody watches: want no timer")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var woken atomic.Int32
		go p.holds.watch(ctx, func() { woken.Add(1) })
		synctest.Wait()
		p.keepLooking()
		p.keepLooking()
		time.Sleep(heldBreak)
		if n := woken.Load(); n != 1 {
			t.Errorf("woken %d times in %v, want once: whoever looks arms the timer again", n, heldBreak)
		}
		p.keepLooking()
		cancel()
		synctest.Wait()
		if p.holds.timer != nil {
			t.Error("nobody watches any more: want no timer")
		}
	})
}
