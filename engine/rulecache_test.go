package engine_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/lullhq/lull/engine"
)

// One engine that has decided on everything before must answer as one that has
// decided on nothing: what it keeps of the steady rules belongs to exactly the
// inputs that they read.
func TestWhatIsKeptOfSteadyRulesBelongsToItsInputs(t *testing.T) {
	experienced := open(t)
	ctx := context.Background()
	for range 2 {
		for _, kind := range []string{"scan", "install", "restart", "complete"} {
			for _, cores := range []int{2, 8} {
				for _, rotational := range []any{true, nil} {
					changes := map[string]any{"action/kind": kind, "facts/cpu/cores": cores, "facts/storage/rotational": rotational, "facts/presence/idle_seconds": 400}
					got := experienced.Decide(ctx, input(t, experienced, changes))
					fresh := open(t)
					want := fresh.Decide(ctx, input(t, fresh, changes))
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s: got %+v, want %+v", fmt.Sprint(changes), got, want)
					}
				}
			}
		}
	}
}

// A rule whose else branch asks another rule reads what that one reads.
func TestARuleIsNotSteadyWhenItsElseBranchAsksOneThatIsNot(t *testing.T) {
	e := open(t, files(map[string]string{
		"mine.rego": `package eligibility

met contains "mine" if input.facts.presence.idle_seconds >= patience

patience := 0 if {
	input.action.kind == "scan"
} else := 10 if {
	calm
} else := 100000

calm if input.facts.cpu.busy_ratio <= 0.1
`,
		"requirements/data.yaml": "wait_unless: {any: {mine: true}}\n",
	}))
	ctx := context.Background()
	for range 2 {
		for _, tt := range []struct {
			busy float64
			want engine.Verdict
		}{{0.05, engine.Run}, {0.15, engine.Wait}} {
			if d := e.Decide(ctx, input(t, e, map[string]any{"facts/cpu/busy_ratio": tt.busy})); d.Verdict != tt.want {
				t.Errorf("busy for %v: got %+v, want %s", tt.busy, d, tt.want)
			}
		}
	}
}

// A condition that looks through the whole input has a residual for each
// action of its own.
func TestAConditionThatReadsTheWholeInputIsCompiledForEachAction(t *testing.T) {
	e := open(t, files(map[string]string{
		"mine.rego": `package eligibility

met contains "mine" if {
	some section in ["action", "update"]
	input[section].restart == "none"
	input.facts.presence.idle_seconds >= 100
}
`,
		"requirements/data.yaml": "wait_unless: {any: {mine: true}}\n",
	}))
	ctx := context.Background()
	for _, tt := range []struct {
		restart string
		ready   int
	}{{"none", 1}, {"system", 0}, {"none", 1}} {
		in := input(t, e, map[string]any{"update/restart": tt.restart, "facts/presence/idle_seconds": 50})
		r := e.Rechecker()
		r.Set("one", in, e.Decide(ctx, in))
		calm := input(t, e, nil)
		r.Share(calm.Facts, calm.Meta, calm.Clock)
		if got := r.Ready(ctx); len(got) != tt.ready {
			t.Errorf("restart %s: got %v, want %d of them", tt.restart, got, tt.ready)
		}
	}
}
