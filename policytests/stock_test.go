package policytests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestStockOPADecidesAsLullDoes exports the policies in force, and has stock
// opa decide on each generated input, all in one process: opa exec prints one result
// for each file.
func TestStockOPADecidesAsLullDoes(t *testing.T) {
	opa, err := exec.LookPath("opa")
	if err != nil {
		t.Skip("stock opa is not on PATH")
	}
	e, dir := shipped(t), t.TempDir()
	exported := filepath.Join(dir, "policies")
	if err := e.Generation().Export(exported); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 600 {
		data, err := json.Marshal(generate(r))
		if err != nil {
			t.Fatal(err)
		}
		in, err := e.ParseInput(data)
		if err != nil {
			t.Fatalf("a generated input is not valid: %v", err)
		}
		name := filepath.Join(dir, fmt.Sprintf("input%03d.json", i))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if want[name], err = json.Marshal(e.Decide(context.Background(), in)); err != nil {
			t.Fatal(err)
		}
	}
	got, verdicts := stockDecisions(t, opa, exported, dir), map[string]int{}
	if len(got) != len(want) {
		t.Fatalf("stock opa answered %d inputs, want %d", len(got), len(want))
	}
	for name := range want {
		verdicts[compare(t, name, got[name], want[name])]++
	}
	for _, v := range []string{"run", "wait", "deny"} {
		if verdicts[v] < 20 {
			t.Errorf("only %d of the decisions are %s; the inputs say too little", verdicts[v], v)
		}
	}
}

func stockDecisions(t *testing.T, opa, bundle, dir string) map[string]json.RawMessage {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join(dir, "input*.json"))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"exec", "--bundle", bundle, "--decision", "eligibility/decision", "--log-level", "error"}, inputs...)
	var stderr bytes.Buffer
	cmd := exec.Command(opa, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("opa exec: %v\n%s", err, stderr.String())
	}
	var report struct {
		Result []struct {
			Path   string
			Result json.RawMessage
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	got := map[string]json.RawMessage{}
	for _, r := range report.Result {
		got[r.Path] = r.Result
	}
	return got
}

// compare fails the test unless both are the same JSON value, and returns the verdict.
func compare(t *testing.T, name string, got, want []byte) string {
	t.Helper()
	var g, w map[string]any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: stock opa gave %q: %v", name, got, err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	gs, _ := json.Marshal(g)
	ws, _ := json.Marshal(w)
	if !bytes.Equal(gs, ws) {
		t.Errorf("%s: got from stock opa\n%s\nwant, as lull decides,\n%s", name, gs, ws)
	}
	return fmt.Sprint(w["verdict"])
}
