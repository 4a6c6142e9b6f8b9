package engine

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lullhq/lull/policies"
)

var flips = flag.Int("next.cases", 25, "random waiting cases whose next hours are sampled")

// windows are conditions on time, as administrators write them.
const windows = `package eligibility

met contains "night" if input.clock.minute_of_day >= 1320

met contains "night" if input.clock.minute_of_day < 360

met contains "weekend" if input.clock.weekday in {"Saturday", "Sunday"}

met contains "weekend" if input.update.waited_seconds > 7200

met contains "lunch" if {
	input.clock.minute_of_day >= 720
	input.clock.minute_of_day < 780
}

met contains "lunch" if input.facts.presence.idle_seconds > 4000
`

var requiringWindows = fstest.MapFS{
	"mine.rego":              {Data: []byte(windows)},
	"requirements/data.yaml": {Data: []byte("wait_unless: {any: {night: true, weekend: true, lunch: true}}\n")},
}

// The flip that Next names is never later than the second at which time
// alone first meets something, found by letting each stretch of time pass.
func TestTheNextFlipIsNeverTooLate(t *testing.T) {
	NothingMeets(t)
	BePatient(t)
	for name, site := range map[string]fstest.MapFS{
		"shipped": {},
		"windows": requiringWindows,
	} {
		t.Run(name, func(t *testing.T) {
			e := withLayer(t, site)
			rnd := rand.New(rand.NewPCG(5, 6))
			changed := 0
			for cases := 0; cases < *flips; {
				now := time.Date(2026, 1, 1+rnd.IntN(300), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), 0, time.Local)
				in := randomInput(t, rnd).after(0, now)
				d := e.Decide(context.Background(), in)
				if d.Verdict == Run {
					continue
				}
				cases++
				if sampled(t, e, in, d, now) {
					changed++
				}
			}
			t.Logf("%d cases, %d of them with a check", *flips, changed)
			if changed == 0 {
				t.Error("no case had a check: the test shows nothing")
			}
		})
	}
}

// The same of policies that are made up at random. What only OPA can tell of a
// condition has no flip, but has to be looked at.
func TestTheNextFlipOfGeneratedPoliciesIsNeverTooLate(t *testing.T) {
	NothingMeets(t)
	BePatient(t)
	rnd := rand.New(rand.NewPCG(11, 12))
	changed := 0
	for cases := 0; cases < *flips; {
		e, _ := withGenerated(t, rnd, 3)
		for range 5 {
			now := time.Date(2026, 1, 1+rnd.IntN(300), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), 0, time.Local)
			in := randomInput(t, rnd).after(0, now)
			d := e.Decide(context.Background(), in)
			if d.Verdict == Run {
				continue
			}
			cases++
			if sampled(t, e, in, d, now) {
				changed++
			}
		}
	}
	t.Logf("%d cases, %d of them with a check", *flips, changed)
	if changed == 0 {
		t.Error("no case had a check: the test shows nothing")
	}
}

// What is said of time alone is what happens when only time passes: it runs at
// that second and not before, or it never runs.
func TestWhatTimeAloneDoesIsWhatHappens(t *testing.T) {
	NothingMeets(t)
	BePatient(t)
	for name, site := range map[string]func(*testing.T, *rand.Rand) *Engine{
		"shipped":   func(t *testing.T, _ *rand.Rand) *Engine { return withLayer(t, fstest.MapFS{}) },
		"windows":   func(t *testing.T, _ *rand.Rand) *Engine { return withLayer(t, requiringWindows) },
		"generated": func(t *testing.T, rnd *rand.Rand) *Engine { e, _ := withGenerated(t, rnd, 1); return e },
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(13, 14))
			var e *Engine
			runs, never, unclear := 0, 0, 0
			for runs+never+unclear < *flips {
				if e == nil || name == "generated" {
					e = site(t, rnd)
				}
				now := time.Date(2026, 1, 1+rnd.IntN(300), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), 0, time.Local)
				in := randomInput(t, rnd).after(0, now)
				if rnd.IntN(2) == 0 { // time has more to say where nothing else is in the way
					in = nearlyRunnable(t, rnd).after(0, now)
				}
				d := e.Decide(context.Background(), in)
				if d.Verdict == Run {
					continue
				}
				a := e.Alone(context.Background(), in, d, now)
				switch {
				case !a.At.IsZero():
					runs++
					if got := e.Decide(context.Background(), in.after(a.At.Sub(now), now)); got.Verdict != Run {
						t.Fatalf("after %v the verdict is %s (%v %v)\nat %v, input %v", a.At.Sub(now), got.Verdict, got.DeniedBy, got.WaitsFor, now, in.term())
					}
					neverRuns(t, e, in, now, a.At)
				case len(a.Needs) > 0:
					never++
					neverRuns(t, e, in, now, now.Add(50*time.Hour))
				case len(a.Unclear) > 0:
					unclear++
				default:
					t.Fatalf("no answer for %+v\ninput %v", d, in.term())
				}
			}
			t.Logf("%d run by time alone, %d never, of %d it cannot be told", runs, never, unclear)
			if runs == 0 || never == 0 || name == "shipped" && unclear > 0 {
				t.Error("the test shows nothing, or shipped policies are not seen through")
			}
		})
	}
}

// nearlyRunnable is runnable but for what time may clear.
func nearlyRunnable(t *testing.T, rnd *rand.Rand) *Input {
	t.Helper()
	doc := runnableDocument(t)
	facts := doc["facts"].(map[string]any)
	facts["presence"].(map[string]any)["idle_seconds"] = json.Number(draw(rnd, "0", "60", "299", "4000"))
	facts["presence"].(map[string]any)["locked"] = rnd.IntN(2) == 0
	facts["host"].(map[string]any)["uptime_seconds"] = json.Number(draw(rnd, "0", "60", "5000"))
	facts["host"].(map[string]any)["since_resume_seconds"] = json.Number(draw(rnd, "0", "59", "5000"))
	facts["cpu"].(map[string]any)["cores"] = json.Number(draw(rnd, "2", "8"))
	doc["control"].(map[string]any)["retry_in_seconds"] = json.Number(draw(rnd, "0", "600", "90000"))
	doc["update"].(map[string]any)["deadline_in_seconds"] = json.Number(draw(rnd, "-5", "3600", "250000", "900000"))
	if rnd.IntN(2) == 0 {
		delete(doc["update"].(map[string]any), "deadline_in_seconds")
	}
	in, err := newInput(doc)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// neverRuns samples the time from now to the end.
func neverRuns(t *testing.T, e *Engine, in *Input, now, end time.Time) {
	t.Helper()
	for after := time.Duration(0); now.Add(after).Before(end); after += after/40 + time.Second {
		if d := e.Decide(context.Background(), in.after(after, now)); d.Verdict == Run {
			t.Fatalf("it runs after %v already, not only after %v\nat %v, input %v", after, end.Sub(now), now, in.term())
		}
	}
}

func withLayer(t *testing.T, site fstest.MapFS) *Engine {
	t.Helper()
	e, err := New(context.Background(), Options{Layers: func() []Layer { return []Layer{{"embedded", policies.FS}, {"etc", site}} }, Deadline: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// rulesOf are an administrator's, for the message of a failure.
func rulesOf(e *Engine) []byte { return e.Generation().tree.rules["mine.rego"].content }

// sampled lets up to six hours pass in steps and reports whether there is
// a check at all. No condition may come to be met before it.
func sampled(t *testing.T, e *Engine, in *Input, d Decision, now time.Time) bool {
	t.Helper()
	next := e.Next(in, d, now)
	check := next.Flip
	waited := slices.Concat(d.DeniedBy, d.WaitsFor)
	for after := time.Second; after < 6*time.Hour; after += after/40 + time.Second {
		at := now.Add(after)
		if !check.IsZero() && !at.Before(check) {
			break
		}
		then := e.Decide(context.Background(), in.after(after, now))
		unmet := slices.Concat(then.DeniedBy, then.WaitsFor)
		for _, name := range waited {
			if !slices.Contains(unmet, name) {
				if !next.Look.IsZero() && e.Generation().isHidden(name, in) {
					continue
				}
				doc, _ := json.Marshal(d)
				t.Fatalf("%s is met after %v already, the check is at %v (%v)\nat %v: %s\ninput %v\n%s", name, after, check.Sub(now), check, now, doc, in.term(), rulesOf(e))
			}
		}
	}
	return !check.IsZero()
}
