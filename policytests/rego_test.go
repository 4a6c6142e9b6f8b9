package policytests

import (
	"context"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner"
)

func TestTheRegoTestsPass(t *testing.T) {
	report, err := engine.Test(context.Background(),
		[]engine.Layer{{Name: "policies", FS: policies.FS}}, []engine.Layer{{Name: "policytests", FS: os.DirFS(".")}}, runner.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if report.Passed == 0 {
		t.Fatal("no test ran")
	}
	for _, r := range report.Results {
		if !r.Passed {
			t.Errorf("%s:%d: %s failed: %s", r.File, r.Line, r.Name, r.Error)
		}
	}
}

func TestEveryConditionIsTestedMetUnmetAndUnknown(t *testing.T) {
	names := testNames(t)
	for _, c := range shipped(t).Generation().Conditions() {
		for _, state := range []string{"met", "unmet", "unknown"} {
			want := regexp.MustCompile(`^test_` + c.Name + `_` + state + `(_|$)`)
			if !slices.ContainsFunc(names, want.MatchString) {
				t.Errorf("no Rego test is named %s", want)
			}
		}
	}
}

func TestEveryConditionSaysWhatItMeansAndHowItClears(t *testing.T) {
	for _, c := range shipped(t).Generation().Conditions() {
		if c.Title == "" || c.Description == "" || c.Remedy == "" {
			t.Errorf("%s: title %q, description %q, remedy %q", c.Name, c.Title, c.Description, c.Remedy)
		}
		if !slices.Contains([]string{"time", "event", "user", "admin", "vendor"}, c.ClearsBy) {
			t.Errorf("%s: clears_by is %q", c.Name, c.ClearsBy)
		}
	}
}

func testNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`(?m)^test_\w+`)
	for _, f := range files {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			continue
		}
		names = append(names, rule.FindAllString(string(text), -1)...)
	}
	return names
}

func TestThePoliciesForPoliciesFindNothing(t *testing.T) {
	for _, d := range shipped(t).Generation().Check() {
		t.Error(d)
	}
}
