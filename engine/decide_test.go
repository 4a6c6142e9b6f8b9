package engine_test

import (
	"context"
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

func TestARunawayRuleEndsAtTheDeadlineAsAWait(t *testing.T) {
	for name, body := range map[string]string{
		"nested loops":          `count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j]) > 0`,
		"a huge range":          `count(numbers.range(1, 100000000)) > 0`,
		"a giant concatenation": `count(concat("", [s | some i in numbers.range(1, 10000000); s := "0123456789012345678901234567890123456789"])) > 0`,
		"a json.marshal bomb":   `count(json.marshal([numbers.range(1, 1000) | some i in numbers.range(1, 1000000)])) > 0`,
		"a deep walk":           `count([p | some i in numbers.range(1, 1000000); walk(input, [p, _])]) > 0`,
	} {
		t.Run(name, func(t *testing.T) {
			o := options(files(map[string]string{"bomb.rego": "package eligibility\n\nmet contains \"not_busy\" if {\n\tinput.control.approved_metered == true\n\t" + body + "\n}\n"}))
			o.Deadline = 0 // the default
			e, err := engine.New(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			in := input(t, e, map[string]any{"control/approved_metered": true, "facts/presence/busy": []string{"call"}})
			begin := time.Now()
			d := e.Decide(context.Background(), in)
			took := time.Since(begin)
			sameStrings(t, "waits_for", d.WaitsFor, []string{engine.PolicyTimeout})
			if took > 2*time.Second {
				t.Errorf("took %v, want about the deadline of 100ms", took)
			}
		})
	}
}
