package engine_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
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
	eval, doc := plainRego(b), document(b, map[string]any{"facts/presence/idle_seconds": json.Number("60")})
	b.ReportAllocs()
	for b.Loop() {
		eval(doc)
	}
}

// plainRego prepares the same decision as OPA's own API is used everywhere.
func plainRego(b *testing.B) func(doc map[string]any) {
	dir := b.TempDir()
	if err := open(b).Generation().Export(dir); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	pq, err := rego.New(rego.Query("data.eligibility.decision"), rego.Load([]string{dir}, nil)).PrepareForEval(ctx)
	if err != nil {
		b.Fatal(err)
	}
	return func(doc map[string]any) {
		if rs, err := pq.Eval(ctx, rego.EvalInput(doc)); err != nil || len(rs) != 1 {
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

// BenchmarkStockOPA is the other peer: what `opa bench` says of the exported
// tree and the same input.
func BenchmarkStockOPA(b *testing.B) {
	opa, err := exec.LookPath("opa")
	if err != nil {
		b.Skip("stock opa is not installed; go run ./cmd/internal/dev tools")
	}
	dir := filepath.Join(b.TempDir(), "tree")
	e := open(b)
	if err := e.Generation().Export(dir); err != nil {
		b.Fatal(err)
	}
	doc, err := input(b, e, map[string]any{"facts/presence/idle_seconds": 60}).JSON()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "input.json")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		b.Fatal(err)
	}
	out, err := exec.CommandContext(b.Context(), opa, "bench", "--format=json", "-d", dir, "-i", file, "data.eligibility.decision").Output()
	if err != nil {
		b.Fatal(err)
	}
	var said struct {
		N         int64
		T         int64 // nanoseconds in all
		MemAllocs int64
	}
	if err := json.Unmarshal(out, &said); err != nil || said.N == 0 {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() { // it has measured itself
	}
	b.ReportMetric(float64(said.T)/float64(said.N), "ns/op")
	b.ReportMetric(float64(said.MemAllocs)/float64(said.N), "allocs/op")
}
