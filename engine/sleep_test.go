package engine

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// patience are conditions on how long an action has waited, beside others.
const patience = `package eligibility

met contains "patient" if {
	input.update.waited_seconds >= 9000
	input.facts.power.on_ac == true
}

met contains "rested" if {
	input.control.retry_in_seconds == 0
	input.facts.cpu.busy_ratio < 0.2
	input.facts.presence.idle_seconds >= 300
}

met contains "hours" if {
	input.update.waited_seconds / 3600 > 3
	every r in input.running { r.exclusive == false }
	input.facts.network.online == true
}
`

func patient(t *testing.T, required string) *Engine {
	t.Helper()
	return withLayer(t, fstest.MapFS{"mine.rego": {Data: []byte(patience)}, "requirements/data.yaml": {Data: []byte("wait_unless: {any: {" + required + "}}\n")}})
}

// A sleeper is an action as the runner has it sleep: until its next check, or
// until the re-checker says that it may run.
type sleeper struct {
	e     *Engine
	r     *Rechecker
	check time.Time // of the action itself
}

// wakes tells whether the runner would decide on the action at now.
func (s *sleeper) wakes(in *Input, now time.Time) bool {
	s.r.Share(in.Facts, in.Meta, in.Clock)
	return len(s.r.Ready(context.Background())) > 0 || !s.check.IsZero() && !now.Before(s.check)
}

func (s *sleeper) sleep(in *Input, d Decision, now time.Time) {
	s.check = s.e.Next(in, d, now).Flip
	s.r.Set("one", in, d)
}

// An action that sleeps is decided on in time, whatever passes while it sleeps:
// time, and changes of facts, each of which the re-checker is shown. It is late
// by no more than the next look at a measured quantity.
func TestNothingSleepsPastItsTime(t *testing.T) {
	NothingMeets(t)
	for name, site := range map[string]func(*testing.T, *rand.Rand) *Engine{
		"shipped":   func(t *testing.T, _ *rand.Rand) *Engine { return withLayer(t, fstest.MapFS{}) },
		"windows":   func(t *testing.T, _ *rand.Rand) *Engine { return withLayer(t, requiringWindows) },
		"generated": func(t *testing.T, rnd *rand.Rand) *Engine { e, _ := withGenerated(t, rnd, 1); return e },
		"patience":  func(t *testing.T, _ *rand.Rand) *Engine { return patient(t, "patient: true, rested: true") },
		"hours":     func(t *testing.T, _ *rand.Rand) *Engine { return patient(t, "hours: true") },
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(15, 16))
			var e *Engine
			ran := 0
			for range *flips {
				if e == nil || name == "generated" {
					e = site(t, rnd)
				}
				if passes(t, rnd, e) {
					ran++
				}
			}
			t.Logf("%d of %d came to run", ran, *flips)
			if ran == 0 && name != "generated" && name != "windows" { // where most is seldom met
				t.Error("none came to run: the test shows nothing")
			}
		})
	}
}

// passes lets a working day pass and reports whether the action came to run in it.
func passes(t *testing.T, rnd *rand.Rand, e *Engine) bool {
	t.Helper()
	ctx, now := context.Background(), time.Date(2026, 1, 1+rnd.IntN(300), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), 0, time.Local)
	in := nearlyRunnable(t, rnd).after(0, now)
	for range rnd.IntN(6) {
		in = somethingHappens(rnd, in)
	}
	d := e.Decide(ctx, in)
	if d.Verdict == Run {
		return false
	}
	s := &sleeper{e: e, r: e.Rechecker()}
	s.sleep(in, d, now)
	s.wakes(in, now)
	for end := now.Add(8 * time.Hour); now.Before(end); {
		step := time.Duration(1+rnd.IntN(900)) * time.Second
		// The runner wakes by itself before something happens, if it has a reason to.
		for _, own := range []time.Time{s.check, s.r.Next(now).Earliest()} {
			if !own.IsZero() && own.Sub(now) < step {
				step = max(own.Sub(now), time.Second)
			}
		}
		in, now = in.after(step, now), now.Add(step)
		if rnd.IntN(3) == 0 {
			in = somethingHappens(rnd, in)
		}
		woken := s.wakes(in, now)
		if d = e.Decide(ctx, in); d.Verdict == Run {
			if !woken && !s.looksSoon(now) {
				t.Fatalf("it sleeps on at %v, with a check at %v, though it may run\ninput %v\n%s", now, s.check, in.term(), rulesOf(e))
			}
			return true
		}
		if woken {
			s.sleep(in, d, now)
		}
	}
	return false
}

// looksSoon tells that the runner is about to look at the facts anyway.
func (s *sleeper) looksSoon(now time.Time) bool {
	next := s.r.Next(now).Earliest()
	return !next.IsZero() && next.Sub(now) <= lookEvery
}

// somethingHappens changes one fact.
func somethingHappens(rnd *rand.Rand, in *Input) *Input {
	switch rnd.IntN(4) {
	case 0:
		return in.with("facts.presence.idle_seconds", wholeTerm(0))
	case 1:
		return in.with("facts.cpu.busy_ratio", ast.NumberTerm(json.Number(draw(rnd, "0.05", "0.7"))))
	}
	return in.with("facts."+draw(rnd, "power.on_ac", "network.online", "presence.locked"), ast.BooleanTerm(rnd.IntN(3) > 0))
}
