package engine

import (
	"context"
	"maps"
	"slices"
)

// A Difference is one input on which two sets of policies decide differently.
type Difference struct {
	Input string   `json:"input"` // its name in the map given to Diff
	Old   Decision `json:"old"`
	New   Decision `json:"new"`
}

// Diff decides every input by both sets and returns, by name, those whose
// verdict or unmet conditions differ.
func Diff(ctx context.Context, old, new *Engine, inputs map[string]*Input) []Difference {
	var out []Difference
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		a, b := old.Decide(ctx, inputs[name]), new.Decide(ctx, inputs[name])
		same := a.Verdict == b.Verdict && slices.Equal(a.DeniedBy, b.DeniedBy) && slices.Equal(a.WaitsFor, b.WaitsFor)
		if !same {
			out = append(out, Difference{Input: name, Old: a, New: b})
		}
	}
	return out
}
