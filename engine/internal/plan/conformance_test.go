package plan_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/test/cases/testdata"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/lullhq/lull/engine/internal/plan"
)

// OPA's own cases say what Rego means: those that it gives to all who run plans.
func TestPlansConformToOPAsCases(t *testing.T) {
	total, skipped := 0, map[string]int{}
	err := fs.WalkDir(testdata.V1, "v1", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := testdata.V1.ReadFile(path)
		if err != nil {
			return err
		}
		var set cases.Set
		if err := util.Unmarshal(content, &set); err != nil {
			return err
		}
		for _, c := range set.Cases {
			total++
			t.Run(c.Note, func(t *testing.T) {
				if why := conform(t, c); why != "" {
					skipped[why]++
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, without: %v", total, skipped)
	for _, n := range skipped {
		total -= n
	}
	if total < 2000 {
		t.Errorf("only %d cases were run", total)
	}
}

// exceptions are what OPA's planner sees otherwise than its evaluator.
var exceptions = map[string]string{
	"baseandvirtualdocs/base/virtual: conflicts": "rules over data, which lull refuses when it compiles",
	"time/time caching":                          "a built-in of OPA's own tests",
}

func conform(t *testing.T, c cases.TestCase) (skipped string) {
	if c.StrictError {
		return "errors of built-ins that end the evaluation, which lull does not ask for"
	}
	if why := exceptions[c.Note]; why != "" {
		return why
	}
	for k, v := range c.Env {
		t.Setenv(k, v)
	}
	caps := ast.CapabilitiesForThisVersion()
	if c.ExperimentalKeywords {
		caps = ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true))
	}
	mods := map[string]*ast.Module{}
	for i, text := range c.Modules {
		name := "test-" + string(rune('0'+i)) + ".rego"
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		mods[name] = m
	}
	compiler := ast.NewCompiler().WithCapabilities(caps)
	if compiler.Compile(mods); compiler.Failed() {
		return told(t, c, nil, compiler.Errors)
	}
	data := map[string]any{}
	if c.Data != nil {
		data = *c.Data
	}
	value, err := ast.InterfaceToValue(data)
	if err != nil {
		t.Fatal(err)
	}
	store := inmem.NewFromObject(data)
	txn, err := store.NewTransaction(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(context.Background(), plan.Source{Compiler: compiler, Store: store, Transaction: txn, Data: value.(ast.Object)}, c.Query)
	if errors.Is(err, plan.ErrNondeterministic) {
		return "built-ins that are not deterministic"
	}
	if err != nil {
		return told(t, c, nil, err)
	}
	input, err := inputOf(c)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := p.Eval(context.Background(), input, time.Minute)
	return told(t, c, answers, err)
}

func inputOf(c cases.TestCase) (*ast.Term, error) {
	switch {
	case c.InputTerm != nil:
		return ast.ParseTerm(*c.InputTerm)
	case c.Input != nil:
		v, err := ast.InterfaceToValue(*c.Input)
		return ast.NewTerm(v), err
	}
	return nil, nil
}

func told(t *testing.T, c cases.TestCase, answers []*ast.Term, err error) string {
	switch {
	case c.WantError != nil || c.WantErrorCode != nil:
		if err == nil {
			t.Fatalf("got %v, want an error", answers)
		}
		var told *topdown.Error
		if c.WantErrorCode != nil && (!errors.As(err, &told) || told.Code != *c.WantErrorCode) {
			t.Fatalf("got error %v, want code %s", err, *c.WantErrorCode)
		}
		if c.WantError != nil && !strings.Contains(err.Error(), *c.WantError) {
			t.Fatalf("got error %v, want %s", err, *c.WantError)
		}
	case err != nil:
		t.Fatal(err)
	case c.WantResult != nil:
		want := ast.NewSet()
		for _, w := range *c.WantResult {
			v, err := ast.InterfaceToValue(w)
			if err != nil {
				t.Fatal(err)
			}
			want.Add(ast.NewTerm(v))
		}
		got := ast.NewSet()
		for _, a := range answers {
			v, err := ast.JSON(a.Value) // sets become arrays
			if err != nil {
				t.Fatal(err)
			}
			got.Add(ast.NewTerm(ast.MustInterfaceToValue(v)))
		}
		if g, w := loose(got, c.SortBindings), loose(want, c.SortBindings); g.Compare(w) != 0 {
			t.Fatalf("got  %v\nwant %v", g, w)
		}
	case c.WantDefined != nil:
		if *c.WantDefined != (len(answers) > 0) {
			t.Fatalf("got %v, want defined: %v", answers, *c.WantDefined)
		}
	}
	return ""
}

// loose is a set of answers, with lists as sets where their order says nothing.
func loose(answers ast.Set, sortBindings bool) ast.Set {
	if !sortBindings {
		return answers
	}
	out := ast.NewSet()
	answers.Foreach(func(a *ast.Term) {
		o, _ := a.Value.(ast.Object)
		sorted, _ := o.Map(func(k, v *ast.Term) (*ast.Term, *ast.Term, error) {
			if list, ok := v.Value.(*ast.Array); ok {
				set := ast.NewSet()
				list.Foreach(set.Add)
				v = ast.NewTerm(set)
			}
			return k, v, nil
		})
		out.Add(ast.NewTerm(sorted))
	})
	return out
}
