package engine_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/lullhq/lull/engine"
)

func TestDecide(t *testing.T) {
	e := open(t)
	for _, tt := range []struct {
		name    string
		changes map[string]any
		want    engine.Verdict
		denied  []string
		waits   []string
	}{
		{"a calm machine with nobody there runs an install", nil, engine.Run, nil, nil},
		{"a user who was there a minute ago makes it wait", map[string]any{"facts/presence/idle_seconds": 60}, engine.Wait, nil, []string{"user_away"}},
		{"an unknown idle time makes it wait", map[string]any{"facts/presence/idle_seconds": nil}, engine.Wait, nil, []string{"user_away"}},
		{"battery power makes it wait", map[string]any{"facts/power/on_ac": false}, engine.Wait, nil, []string{"on_ac"}},
		{"a refused signature denies it", map[string]any{"trust/verified": false, "trust/error_code": "digest_mismatch"}, engine.Deny, []string{"trusted"}, []string{"clock_plausible"}},
		{"a hold denies it", map[string]any{"control/hold": true}, engine.Deny, []string{"not_held"}, nil},
		{"a driver is denied", map[string]any{"update/component": "driver"}, engine.Deny, []string{"user_mode"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := e.Decide(context.Background(), input(t, e, tt.changes))
			if d.Verdict != tt.want || d.Error != "" {
				t.Errorf("verdict: got %s (denied by %v, waits for %v, error %q), want %s", d.Verdict, d.DeniedBy, d.WaitsFor, d.Error, tt.want)
			}
			sameStrings(t, "denied_by", d.DeniedBy, append([]string{}, tt.denied...))
			sameStrings(t, "waits_for", d.WaitsFor, append([]string{}, tt.waits...))
			if d.PolicyDigest != e.Generation().Digest() {
				t.Errorf("policy digest: got %q, want that of the generation", d.PolicyDigest)
			}
		})
	}
}

func TestAnEmptyInputNeverRuns(t *testing.T) {
	if d := open(t).Decide(context.Background(), &engine.Input{}); d.Verdict == engine.Run {
		t.Errorf("got %+v, want wait or deny", d)
	}
}

// decisionOf makes a layer whose decision is the given Rego term.
func decisionOf(term string) engine.Layer {
	return files(map[string]string{"decision.rego": "package eligibility\n\ndecision := " + term + " if input.action.kind == \"install\"\n\n" +
		`decision := {"verdict": "wait", "denied_by": set(), "waits_for": {"x"}, "device_class": "standard", "obligations": obligations} if not installing

installing if input.action.kind == "install"
`})
}

func TestAnOddDecisionNeverComesIntoForce(t *testing.T) {
	for _, tt := range []struct{ name, term string }{
		{"run although something is unmet", `{"verdict": "run", "denied_by": set(), "waits_for": {"x"}, "device_class": "standard", "obligations": obligations}`},
		{"an unknown verdict", `{"verdict": "yes", "denied_by": set(), "waits_for": set(), "device_class": "standard", "obligations": obligations}`},
		{"a missing member", `{"verdict": "wait", "denied_by": set(), "waits_for": {"x"}, "device_class": "standard"}`},
		{"an extra member", `{"verdict": "wait", "also": 1, "denied_by": set(), "waits_for": {"x"}, "device_class": "standard", "obligations": obligations}`},
		{"a number for a list", `{"verdict": "wait", "denied_by": 3, "waits_for": {"x"}, "device_class": "standard", "obligations": obligations}`},
		{"a run without any fact", `{"verdict": "run", "denied_by": set(), "waits_for": set(), "device_class": "standard", "obligations": obligations}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := engine.New(context.Background(), options(decisionOf(tt.term))); err == nil {
				t.Error("got no error, want the tree to be rejected")
			}
		})
	}
}

// bombs are bodies of rules that would take hours or terabytes.
var bombs = map[string]struct{ body, helpers, ends string }{
	"nested loops":          {body: `count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j]) > 0`, ends: engine.PolicyTimeout},
	"a huge range":          {body: `count(numbers.range(1, 100000000)) > 0`, ends: engine.PolicyTimeout},
	"a giant concatenation": {body: `count(concat("", [s | some i in numbers.range(1, 10000000); s := "0123456789012345678901234567890123456789"])) > 0`, ends: engine.PolicyTimeout},
	"a json.marshal bomb":   {body: `count(json.marshal([numbers.range(1, 1000) | some i in numbers.range(1, 1000000)])) > 0`, ends: engine.PolicyTimeout},
	"a deep walk":           {body: `count([p | some i in numbers.range(1, 1000000); walk(input, [p, _])]) > 0`, ends: engine.PolicyTimeout},
	// These are within one call of a built-in, which no deadline interrupts.
	"json.marshal of shared parts": {body: `count(json.marshal(level(level(level(level([0])))))) > 0`,
		helpers: "level(x) := [x | some i in numbers.range(1, 300)]", ends: engine.PolicyError},
	"a walk of shared parts": {body: `count([p | walk(level(level(level(level([0])))), [p, _])]) > 0`,
		helpers: "level(x) := [x | some i in numbers.range(1, 300)]", ends: engine.PolicyError},
	"concatenations of concatenations": {body: `count(more(more(more(more(more("0123456789")))))) > 0`,
		helpers: `more(s) := concat(s, [s | some i in numbers.range(1, 100)])`, ends: engine.PolicyError},
	"replacements of replacements": {body: `count(more(more(more(more("aaaaaaaaaa"))))) > 0`,
		helpers: `more(s) := replace(s, "a", concat("", [s, s]))`, ends: engine.PolicyError},
	"squares of squares": {body: `square(square(square(square(square(square(square(square(square(square(square(square(square(square(7)))))))))))))) > 0`,
		helpers: `square(x) := x * x`, ends: engine.PolicyError},
	"a shift":     {body: `bits.lsh(1, 100000000000) > 0`, ends: engine.PolicyError},
	"a wide verb": {body: `count(sprintf("%999999999d", [1])) > 0`, ends: engine.PolicyError},
}

// bomb is a layer whose rule blows up when guard holds.
func bomb(body, helpers, guard string) engine.Layer {
	return files(map[string]string{"bomb.rego": "package eligibility\n\nmet contains \"not_busy\" if {\n\t" + guard + "\n\t" + body + "\n}\n\n" + helpers + "\n"})
}

// most is the most memory that fn has the heap grow by. It is more than fn had in
// use at once: what was not collected yet counts.
func most(fn func()) uint64 {
	runtime.GC()
	heap := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before, peak, stop := heap(), uint64(0), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			peak = max(peak, heap())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	fn()
	close(stop)
	watch.Wait()
	return peak - min(peak, before)
}

// maxBombBytes is what a rule that runs away may take until it is stopped.
const maxBombBytes = 256 << 20

func TestARunawayRuleEndsAtTheDeadlineAsAWait(t *testing.T) {
	engine.NothingMeets(t)
	for name, b := range bombs {
		t.Run(name, func(t *testing.T) {
			o := options(bomb(b.body, b.helpers, "input.control.approved_metered == true"))
			o.Deadline = 0 // the default
			e, err := engine.New(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			in := input(t, e, map[string]any{"control/approved_metered": true, "facts/presence/busy": []string{"call"}})
			for _, by := range []string{"OPA's evaluator", "the plan"} { // which the second decision makes
				var d engine.Decision
				begin := time.Now()
				grown := most(func() { d = e.Decide(context.Background(), in) })
				took := time.Since(begin)
				t.Logf("%s took %v and %d MB: %s", by, took, grown>>20, d.Error)
				if len(d.WaitsFor) != 1 || d.WaitsFor[0] != b.ends && d.WaitsFor[0] != engine.PolicyTimeout { // on a slow machine the deadline may come first
					t.Errorf("%s: got %+v, want a wait for %s", by, d, b.ends)
				}
				if took > 2*time.Second {
					t.Errorf("%s took %v, want about the deadline of 100ms", by, took)
				}
				if grown > maxBombBytes {
					t.Errorf("%s: the heap grew by %d MB, want at most %d", by, grown>>20, maxBombBytes>>20)
				}
			}
			// What asks the rules themselves meets the bomb, too.
			begin := time.Now()
			grown := most(func() {
				e.Explain(context.Background(), in, engine.Decision{Verdict: engine.Wait, WaitsFor: []string{"not_busy"}})
				e.Next(in, engine.Decision{Verdict: engine.Wait, WaitsFor: []string{"not_busy"}}, time.Now())
			})
			if took := time.Since(begin); took > 12*time.Second || grown > maxBombBytes {
				t.Errorf("explaining took %v and %d MB", took, grown>>20)
			}
		})
	}
}

// A rule that runs away whatever it is asked is found while loading, in bounded
// time and memory, and the last good set goes on deciding meanwhile and after.
func TestARunawayRuleNeverComesIntoForce(t *testing.T) {
	engine.NothingMeets(t)
	for name, b := range bombs {
		t.Run(name, func(t *testing.T) {
			ctx, content := context.Background(), []engine.Layer{embedded}
			o := options()
			o.Layers = func() []engine.Layer { return content }
			e, err := engine.New(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			good, in := e.Generation(), input(t, e, nil)
			content = []engine.Layer{embedded, bomb(b.body, b.helpers, `input.action.kind != ""`)}
			stop, decided := make(chan struct{}), 0
			var decider sync.WaitGroup
			decider.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if d := e.Decide(ctx, in); d.Verdict != engine.Run {
						t.Errorf("during the reload: got %+v, want run", d)
						return
					}
					decided++
				}
			})
			var changed bool
			begin := time.Now()
			grown := most(func() { changed, err = e.Reload(ctx) })
			took := time.Since(begin)
			close(stop)
			decider.Wait()
			var bad *engine.LoadError
			if changed || !errors.As(err, &bad) || e.Generation() != good {
				t.Fatalf("got changed %v, error %v; want the set rejected and the last good one in force", changed, err)
			}
			t.Logf("rejected after %v and %d MB, %d decisions meanwhile: %v", took, grown>>20, decided, err)
			if took > 10*time.Second || grown > maxLoadBytes || decided == 0 {
				t.Errorf("rejecting it took %v and %d MB, with %d decisions meanwhile", took, grown>>20, decided)
			}
		})
	}
}

// maxLoadBytes is for the two seconds that a probe may take.
const maxLoadBytes = 1 << 30

// A rule may ask what would be if a threshold had another value.
func TestAThresholdReplacedByWithIsTheReplacement(t *testing.T) {
	e := open(t, files(map[string]string{
		"mine.rego": `package eligibility

met contains "mine" if few with data.thresholds.few_cores_count as 3

few if data.thresholds.few_cores_count == 3
`,
		"requirements/data.yaml": "wait_unless: {any: {mine: true}}\n",
	}))
	if d := e.Decide(context.Background(), input(t, e, nil)); d.Verdict != engine.Run {
		t.Errorf("got %+v, want run: the rule asks about 3 few cores", d)
	}
}

// One engine that has decided on everything before must answer as one that has
// decided on nothing.
func TestDecisionsDoNotHangOnThoseBefore(t *testing.T) {
	experienced := open(t)
	ctx := context.Background()
	for range 2 {
		for _, kind := range []string{"scan", "install", "restart", "complete"} {
			for _, cores := range []int{2, 8} {
				for _, rotational := range []any{true, nil} {
					changes := map[string]any{"action/kind": kind, "facts/cpu/cores": cores, "facts/storage/rotational": rotational, "facts/presence/idle_seconds": 400}
					got := experienced.Decide(ctx, input(t, experienced, changes))
					fresh := open(t)
					want := fresh.Decide(ctx, input(t, fresh, changes))
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s: got %+v, want %+v", fmt.Sprint(changes), got, want)
					}
				}
			}
		}
	}
}
