package engine

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lullhq/lull/policies"
)

var waits = flag.Int("explain.cases", 200, "random waiting cases whose smallest change is tried out")

// sites are the policies the explanations are tried on: the shipped ones, and
// those of an administrator who requires conditions in many forms.
var sites = map[string]struct {
	fs   fstest.MapFS
	dark bool // something in it cannot be seen through, so that nothing need be cleared
}{
	"shipped":       {fstest.MapFS{}, false},
	"administrator": {requiring("set: true, else: true, window: true, negation: true, strings: true"), false},
	"in the dark":   {requiring("arithmetic: true, every: true, comprehension: true"), true},
}

func requiring(what string) fstest.MapFS {
	return fstest.MapFS{
		"mine.rego":              {Data: []byte(administrator)},
		"requirements/data.yaml": {Data: []byte("wait_unless:\n  any: {" + what + "}\n")},
	}
}

// An explanation either names changes that make the action run, none of them
// superfluous, or the conditions that no change can clear. Silence is no answer.
func TestTheSmallestChangeMakesItRun(t *testing.T) {
	NothingMeets(t)
	for name, site := range sites {
		t.Run(name, func(t *testing.T) {
			e, err := New(context.Background(), Options{Layers: func() []Layer { return []Layer{{"embedded", policies.FS}, {"etc", site.fs}} }, Deadline: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			rnd := rand.New(rand.NewPCG(3, 4))
			cleared, stuck := 0, 0
			for cleared+stuck < *waits {
				in := randomInput(t, rnd)
				d := e.Decide(context.Background(), in)
				if d.Verdict == Run {
					continue
				}
				x := e.Explain(context.Background(), in, d)
				if len(x.Changes) == 0 && len(x.CannotClear) == 0 {
					t.Fatalf("neither changes nor what cannot be cleared for %+v\ninput %v", d, in.term())
				}
				if len(x.Changes) == 0 {
					stuck++
					continue
				}
				cleared++
				tryOut(t, e, in, x.Changes)
			}
			t.Logf("%d cleared by their changes, %d named as stuck", cleared, stuck)
			if cleared == 0 && !site.dark {
				t.Error("no case was cleared: the test shows nothing")
			}
		})
	}
}

// tryOut applies changes and decides again by the policy itself.
func tryOut(t *testing.T, e *Engine, in *Input, changes []Change) {
	t.Helper()
	apply := func(list []Change) Verdict {
		next := in
		for _, c := range list {
			next = next.with(c.Path, c.term)
		}
		return e.Decide(context.Background(), next).Verdict
	}
	if got := apply(changes); got != Run {
		t.Fatalf("with %v the verdict is %s\ninput %v", changes, got, in.term())
	}
	for i := range changes {
		if apply(slices.Delete(slices.Clone(changes), i, i+1)) == Run {
			t.Fatalf("%v is superfluous in %v\ninput %v", changes[i], changes, in.term())
		}
	}
}

// The same of policies that are made up at random, where most conditions are
// nothing that partial evaluation sees through. One answer in five at least has
// to be a change that works: what can be cleared is to be found.
func TestTheSmallestChangeOfGeneratedPoliciesMakesItRun(t *testing.T) {
	NothingMeets(t)
	rnd := rand.New(rand.NewPCG(9, 10))
	cleared, stuck := 0, 0
	for cleared+stuck < *waits {
		e, _ := withGenerated(t, rnd, 2)
		for range 10 {
			in := randomInput(t, rnd)
			in.Action, in.Update = runnableInput(t).Action, runnableInput(t).Update
			d := e.Decide(context.Background(), in)
			if d.Verdict == Run {
				continue
			}
			x := e.Explain(context.Background(), in, d)
			switch {
			case len(x.Changes) > 0:
				cleared++
				tryOut(t, e, in, x.Changes)
			case len(x.CannotClear) > 0:
				stuck++
			default:
				t.Fatalf("neither changes nor what cannot be cleared for %+v\ninput %v", d, in.term())
			}
		}
	}
	t.Logf("%d cleared by their changes, %d named as stuck", cleared, stuck)
	if cleared < stuck/4 {
		t.Errorf("%d cleared, %d stuck", cleared, stuck)
	}
}
