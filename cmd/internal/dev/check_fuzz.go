package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"strings"
	"time"

	"github.com/lullhq/lull/cmd/internal/dev/arch"
)

// All fuzz targets together get this long, so that the gate stays short
// however many there are; none gets more than fuzzMost or less than fuzzLeast.
const (
	fuzzBudget = 3 * time.Minute
	fuzzMost   = 8 * time.Second
	fuzzLeast  = 2 * time.Second
)

// A testFunc is a test, benchmark or fuzz target found in the source.
type testFunc struct{ Dir, Name string }

// testFuncs finds the top-level functions of test files that match.
func testFuncs(match func(*ast.FuncDecl) bool) ([]testFunc, error) {
	tree, err := arch.Load(".")
	if err != nil {
		return nil, err
	}
	var out []testFunc
	for _, f := range tree.Files {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.Test && fn.Recv == nil && match(fn) {
				out = append(out, testFunc{f.Dir, fn.Name.Name})
			}
		}
	}
	return out, nil
}

func checkFuzz(ctx context.Context) error {
	targets, err := testFuncs(func(fn *ast.FuncDecl) bool { return strings.HasPrefix(fn.Name.Name, "Fuzz") })
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("no fuzz targets found")
	}
	each := min(fuzzMost, max(fuzzLeast, (fuzzBudget/time.Duration(len(targets))).Round(time.Second)))
	fmt.Printf("%d targets, %v each\n", len(targets), each)
	var errs []error
	for _, t := range targets {
		errs = append(errs, fuzz(ctx, t, each))
	}
	return errors.Join(errs...)
}

// fuzz runs one target, and once more when that fails: go test fails a run
// whose workers a busy machine ends late. What a real failure found is kept in
// testdata, and fails the second run at once.
func fuzz(ctx context.Context, t testFunc, each time.Duration) error {
	args := []string{"test", "-run=^$", "-fuzz=^" + t.Name + "$", "-fuzztime=" + each.String(), "-fuzzminimizetime=1x", "./" + t.Dir}
	if err := sh(ctx, nil, "go", args...); err == nil {
		return nil
	}
	return sh(ctx, nil, "go", args...)
}
