package engine

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/lullhq/lull/policies"
)

var rounds = flag.Int("residual.rounds", 1000, "random (policy, input) pairs to compare")

// administrator is a layer of rules in forms that people write.
const administrator = `package eligibility

met contains "arithmetic" if input.facts.storage.free_bytes - input.action.disk_bytes >= 1000000

met contains "every" if every s in input.running { s.exclusive == false }

met contains "set" if input.clock.weekday in {"Saturday", "Sunday"}

met contains "else" if limit <= input.facts.presence.idle_seconds

limit := 10 if {
	input.facts.power.on_ac == true
} else := 500 if {
	input.facts.presence.locked == true
} else := 1000

met contains "comprehension" if count([x | some x in input.running; x.kind == "install"]) < 1

met contains "window" if {
	input.clock.minute_of_day >= 600
	input.clock.minute_of_day < 900
}

met contains "negation" if {
	input.facts.power.on_ac == true
	not busy_now
}

busy_now if input.facts.cpu.busy_ratio > 0.5

busy_now if input.facts.storage.io_queue_depth > 3

met contains "strings" if startswith(input.action.updater, "com.")

met contains "unequal" if input.facts.network.online != false
`

// TestResidualsAgreeWithOPA compares each residual's answer with the full
// evaluation, on inputs with values changed and facts missing at random. A
// residual may say maybe; it must never be wrong.
func TestResidualsAgreeWithOPA(t *testing.T) {
	NothingMeets(t)
	e, err := New(context.Background(), Options{Layers: func() []Layer {
		return []Layer{{"embedded", policies.FS}, {"etc", fstest.MapFS{"mine.rego": {Data: []byte(administrator)}}}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range e.Generation().Conditions() {
		names = append(names, c.Name)
	}
	rnd, answers := rand.New(rand.NewPCG(1, 2)), map[truth]int{}
	for pairs := 0; pairs < *rounds; {
		pairs += agree(t, e, names, randomInput(t, rnd), answers)
	}
	t.Logf("no %d, yes %d, maybe %d", answers[no], answers[yes], answers[maybe])
	if answers[maybe] > (answers[yes]+answers[no])/10 {
		t.Errorf("got %v, want nine of ten conditions answered without a whole decision", answers)
	}
}

// The same of policies that are made up at random. One pair is one condition of
// one policy and one input.
func TestResidualsOfGeneratedPoliciesAgreeWithOPA(t *testing.T) {
	NothingMeets(t)
	rnd, answers := rand.New(rand.NewPCG(7, 8)), map[truth]int{}
	sets := 0
	for pairs := 0; pairs < *rounds; sets++ {
		e, names := withGenerated(t, rnd, 20)
		for range 5 {
			pairs += agree(t, e, names, randomInput(t, rnd), answers)
		}
	}
	t.Logf("%d sets of 20 conditions: no %d, yes %d, maybe %d", sets, answers[no], answers[yes], answers[maybe])
	if answers[yes] == 0 || answers[no] == 0 {
		t.Errorf("got %v: the test shows nothing", answers)
	}
}

// A busy machine says nothing of a condition; one that is late each time does.
func TestAConditionThatWasLateIsTriedAgain(t *testing.T) {
	defer func(d time.Duration) { residualDeadline = d }(residualDeadline)
	for _, late := range []int{maxLate, maxLate + 1} {
		slow := "package eligibility\n\nmet contains \"slow\" if {\n\tcount([1 | some a in numbers.range(1, 200); some b in numbers.range(1, 200)]) > 0\n\tinput.facts.power.on_ac == true\n}\n"
		e, err := New(context.Background(), Options{Deadline: time.Minute, Layers: func() []Layer {
			return []Layer{{"embedded", policies.FS}, {"etc", fstest.MapFS{"mine.rego": {Data: []byte(slow)}}}}
		}})
		if err != nil {
			t.Fatal(err)
		}
		g, ctx, in := e.Generation(), context.Background(), runnableInput(t)
		residualDeadline = time.Millisecond
		for range late {
			if r := g.residual(ctx, "slow", in); r != nil {
				t.Fatal("got a residual in no time")
			}
		}
		residualDeadline = time.Minute
		if r := g.residual(ctx, "slow", in); (r != nil) != (late == maxLate) {
			t.Errorf("late %d times: got %v", late, r)
		}
	}
}

// agree compares the residual of each condition with what OPA finds to be met.
func agree(t *testing.T, e *Engine, names []string, in *Input, answers map[truth]int) int {
	t.Helper()
	g := e.Generation()
	query, err := g.prog.compileQuery("x = data.eligibility.met")
	if err != nil {
		t.Fatal(err)
	}
	met, err := g.prog.eval(context.Background(), query, in, residualDeadline*100)
	if err != nil || met == nil {
		t.Fatal(met, err)
	}
	for _, name := range names {
		res := g.residual(context.Background(), name, in)
		if res == nil {
			answers[maybe]++
			continue
		}
		got, want := res.metBy(func(p *residualPart) truth {
			if p.section < 0 {
				return p.ask(context.Background(), g, in)
			}
			return p.truth(in)
		}), met.Value.(ast.Set).Contains(ast.StringTerm(name))
		answers[got]++
		if got == yes && !want || got == no && want {
			t.Fatalf("condition %s: residual says %d, OPA says %v\ninput %v\nresidual %+v\n%s", name, got, want, in.term(), res.source, g.tree.rules["mine.rego"].content)
		}
	}
	return len(names)
}

// randomInput changes the runnable input: values redrawn, leaves removed.
func randomInput(t *testing.T, rnd *rand.Rand) *Input {
	t.Helper()
	doc := runnableDocument(t)
	doc["action"].(map[string]any)["kind"] = draw(rnd, "scan", "download", "install", "uninstall", "restart", "complete", "prereboot", "other")
	doc["clock"].(map[string]any)["weekday"] = draw(rnd, "Monday", "Saturday", "Sunday")
	doc["facts"].(map[string]any)["presence"].(map[string]any)["busy"] = some(rnd, "call", "game", "presentation")
	for _, section := range []string{"facts", "update", "control", "trust", "clock"} {
		scramble(rnd, doc[section].(map[string]any))
	}
	doc["running"] = some(rnd, map[string]any{"updater": "a.b", "kind": "install", "exclusive": true}, map[string]any{"updater": "c.d", "kind": "scan", "exclusive": false})
	if rnd.IntN(4) == 0 {
		delete(doc, draw(rnd, "update", "meta", "running", "clock", "control"))
	}
	in, err := newInput(doc)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// some is a list of those of from that the die lets in.
func some(rnd *rand.Rand, from ...any) []any {
	return slices.DeleteFunc(from, func(any) bool { return rnd.IntN(3) > 0 })
}

func draw(rnd *rand.Rand, from ...string) string { return from[rnd.IntN(len(from))] }

func scramble(rnd *rand.Rand, m map[string]any) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		switch v := m[k].(type) {
		case map[string]any:
			scramble(rnd, v)
		case bool:
			m[k] = rnd.IntN(2) == 0
		case json.Number:
			m[k] = []json.Number{"0", "1", "60", "299", "300", "1200", "-172801", "0.2", "0.5", "50", "1000000000000", v}[rnd.IntN(12)]
		}
		if rnd.IntN(8) == 0 {
			delete(m, k)
		}
	}
}

// runnableInput is the input of testdata, on which the shipped policies say run.
func runnableInput(t testing.TB) *Input {
	t.Helper()
	in, err := newInput(runnableDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func runnableDocument(t testing.TB) (doc map[string]any) {
	t.Helper()
	data, err := os.ReadFile("testdata/runnable.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
