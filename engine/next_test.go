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

// The flip that Next names is never later than the second at which time
// alone first meets something, found by letting each stretch of time pass.
func TestTheNextFlipIsNeverTooLate(t *testing.T) {
	for name, site := range map[string]fstest.MapFS{
		"shipped": {},
		"windows": {"mine.rego": {Data: []byte(windows)}, "requirements/data.yaml": {Data: []byte("wait_unless: {any: {night: true, weekend: true, lunch: true}}\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(context.Background(), Options{Layers: func() []Layer { return []Layer{{"embedded", policies.FS}, {"etc", site}} }, Deadline: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
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

// sampled lets up to six hours pass in steps and reports whether there is
// a check at all. No condition may come to be met before it.
func sampled(t *testing.T, e *Engine, in *Input, d Decision, now time.Time) bool {
	t.Helper()
	check := e.Next(in, d, now).Flip
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
				doc, _ := json.Marshal(d)
				t.Fatalf("%s is met after %v already, the check is at %v (%v)\nat %v: %s\ninput %v", name, after, check.Sub(now), check, now, doc, in.term())
			}
		}
	}
	return !check.IsZero()
}
