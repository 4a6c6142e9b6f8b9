package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestReport is the outcome of the policies' own tests.
type TestReport struct {
	Passed, Failed, Skipped int
	Results                 []TestResult
}

// TestResult is one test rule.
type TestResult struct {
	Name     string        `json:"name"` // package.rule
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Passed   bool          `json:"passed"`
	Error    string        `json:"error,omitempty"`
	Duration time.Duration `json:"duration"`
}

// Test runs the *_test.rego files of the layers and of tests against the
// policies of the layers, with OPA's own test runner.
func Test(ctx context.Context, layers []Layer, tests []Layer, schema []byte) (TestReport, error) {
	var rep TestReport
	t, diags := buildTree(layers)
	modules := parseRules(t.rules, &diags)
	if diags.failed() {
		return rep, &LoadError{Digest: t.digest, Diagnostics: diags}
	}
	for _, l := range append(append([]Layer{}, layers...), tests...) {
		if err := addTests(modules, l); err != nil {
			return rep, err
		}
	}
	store := inmem.NewFromObject(jsonObject(t.data))
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return rep, err
	}
	defer store.Abort(ctx, txn)
	ch, err := tester.NewRunner().SetDefaultRegoVersion(ast.RegoV1).SetStore(store).SetModules(modules).RunTests(ctx, txn)
	if err != nil {
		return rep, &LoadError{Diagnostics: astDiagnostics(err)}
	}
	for r := range ch {
		rep.add(r)
	}
	slices.SortStableFunc(rep.Results, func(a, b TestResult) int { // they come in the order of a map
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return rep, ctx.Err()
}

func (rep *TestReport) add(r *tester.Result) {
	one := TestResult{Name: strings.TrimPrefix(r.Package, "data.") + "." + r.Name, Passed: r.Pass(), Duration: r.Duration}
	if r.Location != nil {
		one.File, one.Line = r.Location.File, r.Location.Row
	}
	if r.Error != nil {
		one.Error = r.Error.Error()
	}
	switch {
	case r.Skip:
		rep.Skipped++
	case one.Passed:
		rep.Passed++
	default:
		rep.Failed++
	}
	rep.Results = append(rep.Results, one)
}

func addTests(modules map[string]*ast.Module, l Layer) error {
	err := fs.WalkDir(l.FS, ".", func(rel string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path.Base(rel), "_test.rego") {
			return err
		}
		text, err := fs.ReadFile(l.FS, rel)
		if err != nil {
			return err
		}
		name := l.Name + "/" + rel
		m, err := ast.ParseModuleWithOpts(name, string(text), parserOptions())
		if err != nil {
			return &LoadError{Diagnostics: astDiagnostics(err)}
		}
		modules[name] = m
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tests of %s: %w", l.Name, err)
	}
	return nil
}

func astDiagnostics(err error) []Diagnostic {
	var diags diagnostics
	diags.addAST("", err)
	return diags
}
