package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
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

// sameDecision compares what the plan decides with what OPA's evaluator does.
func sameDecision(t *testing.T, e *Engine, in *Input, verdicts map[Verdict]int) {
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
}

// calmInput is nearly the runnable input: one of its sections is scrambled.
func calmInput(t *testing.T, rnd *rand.Rand) *Input {
	t.Helper()
	doc := runnableDocument(t)
	doc["action"].(map[string]any)["kind"] = draw(rnd, "scan", "download", "install", "uninstall", "restart", "complete", "prereboot")
	facts := doc["facts"].(map[string]any)
	for part := range facts {
		if rnd.IntN(len(facts)) == 0 {
			scramble(rnd, facts[part].(map[string]any))
		}
	}
	in, err := newInput(doc)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func samePlans(t *testing.T, seed uint64, open func(*rand.Rand) *Engine) {
	t.Helper()
	rnd, verdicts := rand.New(rand.NewPCG(seed, 1)), map[Verdict]int{}
	for done := 0; done < *rounds; done += 20 {
		e := open(rnd)
		for range 10 {
			sameDecision(t, e, randomInput(t, rnd), verdicts)
			sameDecision(t, e, calmInput(t, rnd), verdicts)
		}
	}
	t.Log(verdicts)
	if verdicts[Run] == 0 || verdicts[Wait] == 0 || verdicts[Deny] == 0 {
		t.Errorf("got %v: the test shows too little", verdicts)
	}
}

func TestPlansDecideAsOPADoes(t *testing.T) {
	NothingMeets(t)
	e := planned(t, Layer{"etc", fstest.MapFS{"mine.rego": {Data: []byte(administrator)}}})
	samePlans(t, 11, func(*rand.Rand) *Engine { return e })
}

func TestPlansOfGeneratedPoliciesDecideAsOPADoes(t *testing.T) {
	NothingMeets(t)
	samePlans(t, 13, func(rnd *rand.Rand) *Engine {
		e, _ := withGenerated(t, rnd, 1+rnd.IntN(20))
		return withPlan(t, e)
	})
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
		if d, sure := e.Confirm(ctx, in); d.Verdict != Wait || sure != nil {
			t.Errorf("got %+v, confirmed %v, want a wait", d, sure)
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

func TestManyDecideByOnePlanAtOnce(t *testing.T) {
	e := planned(t, Layer{"etc", fstest.MapFS{"mine.rego": {Data: []byte(administrator)}}})
	in, ctx := runnableInput(t), context.Background()
	var deciders sync.WaitGroup
	for range 4 {
		deciders.Go(func() {
			for range 50 {
				if d := e.Decide(ctx, in); d.Verdict != Run {
					t.Errorf("got %+v, want run", d)
				}
				if d, sure := e.Confirm(ctx, in); d.Verdict != Run || sure == nil || sure.Decision().Verdict != Run {
					t.Errorf("got %+v, confirmed %v, want run confirmed", d, sure)
				}
			}
		})
	}
	deciders.Wait()
}
