package engine_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
)

// One engine that has decided on everything before must answer as one that has
// decided on nothing.
func TestDecisionsDoNotHangOnThoseBefore(t *testing.T) {
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
