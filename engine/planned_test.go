package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/lullhq/lull/policies"
)

// planned opens policies that decide by their plan.
func planned(t testing.TB, layers ...Layer) *Engine {
	t.Helper()
	e, err := New(context.Background(), Options{Deadline: 10 * time.Second, Layers: func() []Layer {
		return append([]Layer{{"embedded", policies.FS}}, layers...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return withPlan(t, e)
}

func withPlan(t testing.TB, e *Engine) *Engine {
	t.Helper()
	if e.makePlan(context.Background(), e.Generation()); e.Generation().prog.plan.Load() == nil {
		t.Fatal("no plan")
	}
	return e
}

// sameDecision compares what the plan decides with what OPA's evaluator does. One
// pair is one condition of one input.
func sameDecision(t *testing.T, e *Engine, in *Input, verdicts map[Verdict]int) (pairs int) {
	t.Helper()
	g, ctx := e.Generation(), context.Background()
	plan := g.prog.plan.Load()
	got := g.decide(ctx, in, e.opt.Deadline)
	g.prog.plan.Store(nil)
	want := g.decide(ctx, in, e.opt.Deadline)
	g.prog.plan.Store(plan)
	verdicts[want.Verdict]++
	if got.Error != "" && want.Error != "" {
		got.Error = want.Error // the words may differ
	}
	if !reflect.DeepEqual(got, want) {
		var mine []byte
		if f, ok := g.tree.rules["mine.rego"]; ok {
			mine = f.content
		}
		t.Fatalf("the plan decides\n%+v\nOPA\n%+v\ninput %v\n%s", got, want, in.term(), mine)
	}
	return len(g.conditions)
}

func TestPlansDecideAsOPADoes(t *testing.T) {
	e := planned(t, Layer{"etc", fstest.MapFS{"mine.rego": {Data: []byte(administrator)}}})
	rnd, verdicts := rand.New(rand.NewPCG(11, 12)), map[Verdict]int{}
	for pairs := 0; pairs < *rounds; {
		pairs += sameDecision(t, e, randomInput(t, rnd), verdicts)
	}
	t.Log(verdicts)
}

func TestPlansOfGeneratedPoliciesDecideAsOPADoes(t *testing.T) {
	rnd, verdicts := rand.New(rand.NewPCG(13, 14)), map[Verdict]int{}
	for pairs := 0; pairs < *rounds; {
		e, _ := withGenerated(t, rnd, 20)
		withPlan(t, e)
		for range 5 {
			pairs += sameDecision(t, e, randomInput(t, rnd), verdicts)
		}
	}
	t.Log(verdicts)
}

// A plan that is wrong starts nothing, and decides no more.
func TestAPlanThatDecidesOtherwiseIsGivenUp(t *testing.T) {
	var told strings.Builder
	e := planned(t)
	e.log = slog.New(slog.NewTextHandler(&told, nil))
	lax := planned(t, Layer{"etc", fstest.MapFS{"requirements/data.yaml": {Data: []byte("wait_unless: {install: {user_away: false}}\n")}}})
	e.Generation().prog.plan.Store(lax.Generation().prog.plan.Load())
	in := runnableInput(t).with("facts.presence.idle_seconds", ast.InternedTerm(0))
	ctx := context.Background()
	if d := e.Decide(ctx, in); d.Verdict != Run {
		t.Fatalf("got %+v, want what the wrong plan says", d)
	}
	for range 2 {
		if d := e.Confirm(ctx, in); d.Verdict != Wait {
			t.Errorf("got %+v, want a wait", d)
		}
	}
	if d := e.Decide(ctx, in); d.Verdict != Wait {
		t.Errorf("got %+v, want a wait now that the plan is known to be wrong", d)
	}
	if n := strings.Count(told.String(), "decides otherwise"); n != 1 {
		t.Errorf("told %d times, want once: %s", n, told.String())
	}
}

// Rules that cannot be planned decide all the same.
func TestPoliciesWithoutAPlanDecide(t *testing.T) {
	e := planned(t)
	g := e.Generation()
	g.prog.plan.Store(nil)
	ctx := context.Background()
	for range 3 { // it was planned once and is not planned again
		if d := e.Decide(ctx, runnableInput(t)); d.Verdict != Run {
			t.Errorf("got %+v, want run", d)
		}
	}
	if g.prog.plan.Load() != nil {
		t.Error("planned again")
	}
}
