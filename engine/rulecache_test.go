package engine_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
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
