package plan_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/lullhq/lull/engine/internal/plan"
)

// laid plans data.t.p of one module.
func laid(t *testing.T, module string) *plan.Plan {
	t.Helper()
	compiler, err := ast.CompileModulesWithOpt(map[string]string{"t.rego": "package t\n\n" + module}, ast.CompileOpts{ParserOptions: ast.ParserOptions{RegoVersion: ast.RegoV1}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, store := context.Background(), inmem.New()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(ctx, plan.Source{Compiler: compiler.WithCapabilities(ast.CapabilitiesForThisVersion()), Store: store, Transaction: txn, Data: ast.NewObject()}, "x = data.t.p")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What `with` replaces is replaced for its expression and no longer.
func TestWithEndsWithItsExpression(t *testing.T) {
	p := laid(t, `p contains n if {
	some n in [1, 2, 3]
	q == 7 with input.x as 7
	input.x == 1
	q == 1
}

q := input.x
`)
	answers, err := p.Eval(context.Background(), ast.MustParseTerm(`{"x": 1}`), time.Minute)
	if err != nil || len(answers) != 1 || answers[0].String() != `{"x": {1, 2, 3}}` {
		t.Errorf("got %v, %v", answers, err)
	}
}

func TestAPlanEndsAtItsDeadlineAndWithTheContext(t *testing.T) {
	p := laid(t, `p if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	some c in numbers.range(1, 3000)
	a + b + c == 0
}
`)
	began := time.Now()
	if _, err := p.Eval(context.Background(), ast.ObjectTerm(), 50*time.Millisecond); !topdown.IsCancel(err) {
		t.Errorf("got %v, want the end at the deadline", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Eval(ctx, ast.ObjectTerm(), time.Hour); !topdown.IsCancel(err) {
		t.Errorf("got %v, want the end with the context", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestWhatAPlanGathersIsBounded(t *testing.T) {
	for name, module := range map[string]string{
		"a set":     "p := count({c | some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); c := (a * 1000) + b})",
		"an array":  "p := count([1 | some a in numbers.range(1, 1000); some b in numbers.range(1, 1000)])",
		"an object": "p := count({c: 1 | some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); c := (a * 1000) + b})",
	} {
		if answers, err := laid(t, module).Eval(context.Background(), ast.ObjectTerm(), time.Minute); err == nil || !strings.Contains(err.Error(), "gather more") {
			t.Errorf("%s: got %v, %v", name, answers, err)
		}
	}
}

// An evaluation leaves nothing behind for the next, whichever plan that is of.
func TestEvaluationsKnowNothingOfEachOther(t *testing.T) {
	one, two := laid(t, "p := input.x + 1"), laid(t, "p := q + r\n\nq := input.x\n\nr := input.y\n")
	for i := range 100 {
		if answers, err := one.Eval(context.Background(), ast.ObjectTerm(ast.Item(ast.StringTerm("x"), ast.IntNumberTerm(i))), time.Minute); err != nil || answers[0].Get(ast.StringTerm("x")).Value.Compare(ast.Number(ast.IntNumberTerm(i+1).String())) != 0 {
			t.Fatalf("%d: got %v, %v", i, answers, err)
		}
		if answers, err := two.Eval(context.Background(), ast.ObjectTerm(ast.Item(ast.StringTerm("x"), ast.IntNumberTerm(i))), time.Minute); err != nil || len(answers) != 0 {
			t.Fatalf("%d: got %v, %v, want undefined as there is no y", i, answers, err)
		}
	}
}
