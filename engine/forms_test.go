package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lullhq/lull/engine"
)

// forms are the forms that CONTRACTS forbids, each with a neighbour that looks
// like it and is right. The rule stands from line 5 on; want is where the finding
// has to be, as LINE:COLUMN, and what it says.
var forms = []struct {
	name, wrong, want, says, right string
}{
	{"a negated input", "\tnot input.facts.presence.locked", "6:2", "negation of an input", "\tinput.facts.presence.locked == false"},
	{"a negated comparison", "\tnot input.facts.cpu.busy_ratio > 0.5", "6:2", "negation of an input", "\tinput.facts.cpu.busy_ratio <= 0.5"},
	{"a negated constant", "\tnot input.facts.cpu.busy_ratio > data.thresholds.cpu_busy_ratio", "6:2", "negation of an input", "\tnot data.thresholds.cpu_busy_ratio > 1\n\tinput.facts.cpu.busy_ratio <= data.thresholds.cpu_busy_ratio"},
	{"an unequal input", "\tinput.action.kind != \"restart\"", "6:2", "!= on an input", "\tinput.action.kind in {\"scan\", \"install\"}"},
	{"an unequal input on the right", "\t\"restart\" != input.action.kind", "6:2", "!= on an input", "\t\"restart\" != \"install\"\n\tinput.action.kind == \"install\""},
	{"a comprehension over a list", "\tcount([r | some r in input.running; r.exclusive == true]) == 0", "6:8", "a comprehension over an input", "\tevery r in input.running { r.exclusive == false }"},
	{"a set comprehension", "\tcount({k | some k in input.facts.presence.busy}) == 0", "6:8", "a comprehension over an input", "\tinput.facts.presence.busy == []"},
	{"a comprehension over data", "\tcount({k: v | some k, v in input.facts.power}) > 0", "6:8", "a comprehension over an input", "\tcount([d | some d, open in data.thresholds.restart_weekdays; open == true]) > 0\n\tinput.facts.power.on_ac == true"},
	{"truthiness", "\tinput.facts.power.on_ac", "6:2", "taken as true or false", "\tinput.facts.power.on_ac == true"},
	{"truthiness of a local", "\tac := input.facts.power.on_ac\n\tac", "7:2", "taken as true or false", "\tac := input.facts.power.on_ac\n\tac == true"},
	{"a word that never is", "\tinput.action.kind == \"instal\"", "6:2", "is never \"instal\"", "\tinput.action.kind == \"install\""},
	{"a negated rule over an input", "\tnot there\n}\n\nthere if {\n\tinput.facts.presence.idle_seconds < 60", "6:2", "negation of a rule that reads an input",
		"\tnot weekend\n\tinput.facts.power.on_ac == true\n}\n\nweekend if {\n\tdata.thresholds.restart_weekdays.Sunday == false"},
	{"a negated rule over a rule", "\tnot data.eligibility.here\n}\n\nhere if {\n\tthere == true\n}\n\nthere if {\n\tinput.facts.presence.idle_seconds < 60", "6:2", "negation of a rule that reads an input",
		"\tthere == true\n}\n\nthere if {\n\tinput.facts.presence.idle_seconds >= 60"},
	{"negation through a helper's argument", "\tdark(input.facts.presence.locked)\n}\n\ndark(l) if {\n\tnot l", "10:2", "negation of an input", "\tdark(input.facts.presence.locked)\n}\n\ndark(l) if {\n\tl == false"},
}

// findings are the errors of the check, as FILE:LINE:COLUMN: MESSAGE.
func findings(t *testing.T, layers ...engine.Layer) (out []string) {
	t.Helper()
	e, err := engine.New(context.Background(), engine.Options{Layers: func() []engine.Layer { return layers }, Schema: options().Schema, Deadline: options().Deadline})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range e.Generation().Check() {
		if d.Severity == engine.SeverityError {
			out = append(out, fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Column, d.Message))
		}
	}
	return out
}

// Each form is found at its place, its neighbour is not; in an administrator's
// file and in one that takes the place of a shipped one alike.
func TestTheCheckFindsEachForbiddenFormAndNotItsNeighbour(t *testing.T) {
	engine.NothingMeets(t)
	for _, where := range []struct{ name, file, prefix string }{
		{"an administrator's", "mine.rego", "etc/mine.rego"},
		{"in the place of a shipped one", "eligibility/network.rego", "etc/eligibility/network.rego"},
	} {
		for _, f := range forms {
			t.Run(where.name+"/"+f.name, func(t *testing.T) {
				rule := func(body string) engine.Layer {
					text := "package eligibility\n\n# The rule.\n\nmet contains \"mine\" if {\n" + body + "\n}\n"
					if where.file != "mine.rego" {
						text += "\nmet contains \"network_online\" if input.facts.network.online == true\n\nmet contains \"unmetered\" if input.facts.network.unmetered == true\n"
					}
					return files(map[string]string{where.file: text, "requirements/data.yaml": "wait_unless: {any: {mine: true}}\n"})
				}
				got := findings(t, embedded, rule(f.wrong))
				place := where.prefix + ":" + f.want + ": "
				if len(got) != 1 || !strings.HasPrefix(got[0], place) || !strings.Contains(got[0], f.says) {
					t.Errorf("got %q, want one finding at %s that says %q", got, place, f.says)
				}
				if got := findings(t, embedded, rule(f.right)); len(got) != 0 {
					t.Errorf("its neighbour: got %q, want nothing", got)
				}
			})
		}
	}
}

// The shipped policies have none of the forms. That they are looked at in the same
// way is shown by a shipped layer with one of each in it.
func TestTheShippedPoliciesAreCheckedLikeAnyOther(t *testing.T) {
	if got := findings(t, embedded); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	for _, f := range forms {
		shipped := files(map[string]string{"extra.rego": "package eligibility\n\n# The rule.\n\nmet contains \"mine\" if {\n" + f.wrong + "\n}\n"})
		shipped.Name = "embedded"
		if got := findings(t, embedded, shipped); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "embedded/extra.rego:"+f.want+": ") }) {
			t.Errorf("%s: got %q, want a finding at %s", f.name, got, f.want)
		}
	}
}

// What is about the set as a whole: untested conditions, conditions nobody
// requires, requirements nobody defines, each with its neighbour.
func TestTheCheckFindsWhatIsUntestedUnrequiredOrUndefined(t *testing.T) {
	rule := "package eligibility\n\n# METADATA\n# title: Mine\nmet contains \"mine\" if input.facts.power.on_ac == true\n"
	test := "package mine_test\n\nimport data.eligibility\n\ntest_mine if \"mine\" in eligibility.met with input as {\"facts\": {\"power\": {\"on_ac\": true}}}\n"
	required := "wait_unless:\n  install: {mine: true}\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // severity, file:line and message; "": nothing about mine
	}{
		{"all is well", map[string]string{"mine.rego": rule, "mine_test.rego": test, "requirements/data.yaml": required}, ""},
		{"untested", map[string]string{"mine.rego": rule, "requirements/data.yaml": required}, "note etc/mine.rego:5 no test names the condition \"mine\""},
		{"unrequired", map[string]string{"mine.rego": rule, "mine_test.rego": test}, "warning etc/mine.rego:5 nothing requires the condition \"mine\""},
		{"dropped by name is known", map[string]string{"mine.rego": rule, "mine_test.rego": test, "requirements/data.yaml": "wait_unless:\n  install: {mine: false}\n"}, ""},
		{"undefined", map[string]string{"requirements/data.yaml": required}, "error etc/requirements/data.yaml:2 no rule defines the condition \"mine\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			add := func(list []engine.Diagnostic) {
				for _, d := range list {
					if strings.Contains(d.Message, `"mine"`) {
						got = append(got, fmt.Sprintf("%s %s:%d %s", d.Severity, d.File, d.Line, d.Message))
					}
				}
			}
			e, err := engine.New(context.Background(), options(files(tt.files)))
			if err == nil {
				add(e.Generation().Check())
			} else if bad := (*engine.LoadError)(nil); errors.As(err, &bad) {
				add(bad.Diagnostics)
			} else {
				t.Fatal(err)
			}
			if want := tt.want; want == "" && len(got) > 0 || want != "" && !slices.Equal(got, []string{want}) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
