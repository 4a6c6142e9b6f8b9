package engine_test

import (
	"context"
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
