package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/engine"
)

func explain(t testing.TB, e *engine.Engine, changes map[string]any) engine.Explanation {
	t.Helper()
	in := input(t, e, changes)
	return e.Explain(context.Background(), in, e.Decide(context.Background(), in))
}

func TestAnExplanationNamesWhatWasSeenAndWhatIsNeeded(t *testing.T) {
	x := explain(t, open(t), map[string]any{"facts/presence/idle_seconds": 10, "facts/presence/locked": false})
	if len(x.Unmet) != 1 || x.Unmet[0].Name != "user_away" {
		t.Fatalf("got %+v, want user_away alone", x.Unmet)
	}
	text := x.Unmet[0].Text
	for _, want := range []string{"facts.presence.idle_seconds >= 300", "facts.presence.idle_seconds is 10"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want it to contain %q", text, want)
		}
	}
	if len(x.Changes) != 1 {
		t.Errorf("got changes %v, want a single one", x.Changes)
	}
}

func TestAnExplanationSaysWhyAFactIsUnknown(t *testing.T) {
	x := explain(t, open(t), map[string]any{
		"facts/power/on_ac":          nil,
		"meta/power.on_ac":           map[string]any{"state": "unknown", "why": "no power supply answers"},
		"control/hold":               false,
		"facts/power/saver":          false,
		"update/deadline_in_seconds": nil,
	})
	if len(x.Unmet) == 0 || !strings.Contains(x.Unmet[0].Text, "no power supply answers") {
		t.Errorf("got %+v, want the reason of the missing fact", x.Unmet)
	}
}

// hidden is a condition that partial evaluation cannot see through.
const hidden = `package eligibility

# METADATA
# title: The room is cool
# description: Heat and load together stay below what the small office bears.
# custom: {clears_by: event, remedy: "Open a window."}
met contains "mine" if {
	abs(input.facts.cpu.busy_ratio - input.facts.storage.io_queue_depth) < 0.01
	every r in input.running { r.exclusive == false }
	input.facts.network.online == true
}
`

// Where the rule cannot be seen through, the explanation says so and gives the
// METADATA's word, with the expression as a person would write it. What holds
// already is not named as needed.
func TestARuleThatCannotBeSeenThroughIsExplainedByItsMetadata(t *testing.T) {
	required := "wait_unless: {any: {mine: true}}\n"
	e := open(t, files(map[string]string{"mine.rego": hidden, "requirements/data.yaml": required}))
	one := func(name string, changes map[string]any) engine.Unmet {
		t.Helper()
		x := explain(t, e, changes)
		i := slices.IndexFunc(x.Unmet, func(u engine.Unmet) bool { return u.Name == "mine" })
		if i < 0 {
			t.Fatalf("%s: got %+v, want mine among it", name, x.Unmet)
		}
		return x.Unmet[i]
	}
	dark := one("hot", map[string]any{"facts/cpu/busy_ratio": 0.1, "facts/storage/io_queue_depth": 0.2, "facts/network/online": true})
	if !dark.Opaque || len(dark.Needed) != 1 || !strings.HasPrefix(dark.Needed[0], "abs(facts.cpu.busy_ratio - facts.storage.io_queue_depth) < 0.01 and every ") {
		t.Errorf("got opaque %v, needed %q", dark.Opaque, dark.Needed)
	}
	for _, want := range []string{"cannot be worked out from etc/mine.rego:7", "Heat and load together stay below what the small office bears."} {
		if !strings.Contains(dark.Text, want) {
			t.Errorf("got %q, want it to contain %q", dark.Text, want)
		}
	}
	plain := one("offline", map[string]any{"facts/cpu/busy_ratio": 0.1, "facts/storage/io_queue_depth": 0.1, "facts/network/online": false})
	if plain.Opaque {
		t.Error("what only OPA can tell holds, and yet the answer says that it cannot be told")
	}
	sameStrings(t, "needed offline", plain.Needed, []string{"facts.network.online == true"})

	undescribed := strings.Replace(hidden, "# description: Heat and load together stay below what the small office bears.\n", "", 1)
	e = open(t, files(map[string]string{"mine.rego": undescribed, "requirements/data.yaml": required}))
	if got := one("undescribed", map[string]any{"facts/cpu/busy_ratio": 0.1, "facts/storage/io_queue_depth": 0.2, "facts/network/online": true}).Text; !strings.Contains(got, "has no description") {
		t.Errorf("got %q, want it to say that nobody described it", got)
	}
}

// A rule that partial evaluation fails at is no less explained.
func TestARuleThatPartialEvaluationFailsAtIsExplainedByItsMetadata(t *testing.T) {
	endless := strings.Replace(hidden, "	every r", "\tinput.control.approved_metered == true\n\tcount([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i + j == input.action.disk_bytes]) == 0\n\tevery r", 1)
	o := options(files(map[string]string{"mine.rego": endless, "requirements/data.yaml": "wait_unless: {any: {mine: true}}\n"}))
	o.Deadline = 0 // the default
	e, err := engine.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	in := input(t, e, map[string]any{"control/approved_metered": true})
	x := e.Explain(context.Background(), in, engine.Decision{Verdict: engine.Wait, WaitsFor: []string{"mine"}})
	if len(x.Unmet) != 1 || !x.Unmet[0].Opaque || !strings.Contains(x.Unmet[0].Text, "Heat and load together") {
		t.Errorf("got %+v, want the word of the METADATA", x.Unmet)
	}
	sameStrings(t, "cannot clear", x.CannotClear, []string{"mine"})
}

func TestNoChangeOfFactsClearsADenial(t *testing.T) {
	x := explain(t, open(t), map[string]any{"update/component": "driver"})
	sameStrings(t, "cannot clear", x.CannotClear, []string{"user_mode"})
}

func TestTheNextCheckIsTheInstantAtWhichTheUserHasBeenAwayLongEnough(t *testing.T) {
	e := open(t)
	in := input(t, e, map[string]any{"facts/presence/idle_seconds": 100, "facts/presence/locked": false, "update/deadline_in_seconds": nil})
	now := time.Unix(1790000000, 0)
	got := e.Next(in, e.Decide(context.Background(), in), now).Flip
	if d := got.Sub(now); d < 200*time.Second || d > 200*time.Second {
		t.Errorf("got a check after %v, want about 200s", d)
	}
}

// BenchmarkExplainFirst is the explanation of a kind of action that was never
// explained since the policies were loaded.
func BenchmarkExplainFirst(b *testing.B) {
	e := open(b)
	in := input(b, e, map[string]any{"facts/presence/idle_seconds": 10, "facts/presence/locked": false, "facts/power/on_ac": false})
	d := e.Decide(context.Background(), in)
	b.ReportAllocs()
	for b.Loop() {
		e.Forget()
		e.Explain(context.Background(), in, d)
	}
}

func BenchmarkExplain(b *testing.B) {
	e := open(b)
	in := input(b, e, map[string]any{"facts/presence/idle_seconds": 10, "facts/presence/locked": false, "facts/power/on_ac": false})
	d := e.Decide(context.Background(), in)
	b.ReportAllocs()
	for b.Loop() {
		e.Explain(context.Background(), in, d)
	}
}
