package engine_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lullhq/lull/engine"
)

// stockDecisions has the stock opa decide all documents in one run, over the
// directory that dir names.
func stockDecisions(t *testing.T, docs []map[string]any, args ...string) []any {
	t.Helper()
	opa, err := exec.LookPath("opa")
	if err != nil {
		t.Skip("stock opa is not on PATH")
	}
	in, err := json.Marshal(map[string]any{"all": docs})
	if err != nil {
		t.Fatal(err)
	}
	query := "[d | some i; doc := input.all[i]; d := data.eligibility.decision with input as doc]"
	cmd := exec.Command(opa, append(append([]string{"eval", "--format", "raw", "--stdin-input"}, args...), query)...)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("opa eval: %v\n%s", err, out)
	}
	var all []any
	if err := json.Unmarshal(out, &all); err != nil || len(all) != len(docs) {
		t.Fatalf("got %d decisions of %d, %v", len(all), len(docs), err)
	}
	return all
}

func randomDocuments(t *testing.T, n int) []map[string]any {
	rnd := rand.New(rand.NewPCG(3, 4))
	docs := make([]map[string]any, 0, n)
	for range n {
		docs = append(docs, document(t, map[string]any{
			"action/kind":                 []string{"scan", "download", "install", "uninstall", "prereboot", "restart", "complete"}[rnd.IntN(7)],
			"facts/presence/idle_seconds": rnd.IntN(2000),
			"facts/power/on_ac":           rnd.IntN(2) == 0,
			"facts/cpu/cores":             1 + rnd.IntN(8),
			"facts/storage/rotational":    rnd.IntN(2) == 0,
			"facts/storage/free_bytes":    rnd.IntN(4_000_000_000),
			"update/deadline_in_seconds":  rnd.IntN(600000) - 300000,
			"control/approved":            rnd.IntN(5) == 0,
			"control/hold":                rnd.IntN(9) == 0,
		}))
	}
	return docs
}

// ours is our decision as JSON reads it.
func ours(t *testing.T, e *engine.Engine, doc map[string]any) (v any) {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	in, err := e.ParseInput(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(e.Decide(context.Background(), in))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestStockOPADecidesTheSame compares our decisions with those of stock opa on
// the exported tree, on the bundle that stock opa builds of it, and on the one it
// builds of the source tree as it lies there.
func TestStockOPADecidesTheSame(t *testing.T) {
	e := open(t)
	dir := t.TempDir()
	if err := e.Generation().Export(dir); err != nil {
		t.Fatal(err)
	}
	docs := randomDocuments(t, 500)
	exported := stockDecisions(t, docs, "-d", dir)
	built := stockDecisions(t, docs, "-b", bundle(t, "", dir))
	source := stockDecisions(t, docs, "-b", bundle(t, "..", "policies"))
	for i, doc := range docs {
		want := ours(t, e, doc)
		if d := cmp.Diff(want, exported[i]); d != "" {
			t.Fatalf("document %d, exported tree (-ours +stock):\n%s", i, d)
		}
		if d := cmp.Diff(want, built[i]); d != "" {
			t.Fatalf("document %d, built bundle (-ours +stock):\n%s", i, d)
		}
		if d := cmp.Diff(want, source[i]); d != "" {
			t.Fatalf("document %d, bundle of policies (-ours +stock):\n%s", i, d)
		}
	}
}

// bundle runs opa build -b on a tree, in a directory, and returns the bundle.
func bundle(t *testing.T, in, tree string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	cmd := exec.Command("opa", "build", "-b", tree, "-o", file)
	cmd.Dir = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("opa build -b %s: %v\n%s", tree, err, out)
	}
	return file
}
