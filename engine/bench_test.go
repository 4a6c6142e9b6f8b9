package engine_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/lullhq/lull/engine"
)

// BenchmarkDecide is one full decision with the default policies.
func BenchmarkDecide(b *testing.B) {
	e := open(b)
	in := input(b, e, map[string]any{"facts/presence/idle_seconds": 60})
	b.ReportAllocs()
	for b.Loop() {
		if d := e.Decide(context.Background(), in); d.Verdict != engine.Wait {
			b.Fatal(d)
		}
	}
}

// BenchmarkPlainRegoEval is the peer: rego.Eval of a prepared query on the
// same input as a map.
func BenchmarkPlainRegoEval(b *testing.B) {
	dir := b.TempDir()
	if err := open(b).Generation().Export(dir); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	pq, err := rego.New(rego.Query("data.eligibility.decision"), rego.Load([]string{dir}, nil)).PrepareForEval(ctx)
	if err != nil {
		b.Fatal(err)
	}
	doc := document(b, map[string]any{"facts/presence/idle_seconds": json.Number("60")})
	b.ReportAllocs()
	for b.Loop() {
		rs, err := pq.Eval(ctx, rego.EvalInput(doc))
		if err != nil || len(rs) != 1 {
			b.Fatal(rs, err)
		}
	}
}

func TestDecideAllocatesLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("the race stage's -short: the detector allocates too; the allocation stage counts without it")
	}
	e := open(t)
	in := input(t, e, map[string]any{"facts/presence/idle_seconds": 60})
	if n := testing.AllocsPerRun(100, func() { e.Decide(context.Background(), in) }); n > 600 {
		t.Errorf("a decision allocates %.0f times, want at most 600", n)
	}
}
