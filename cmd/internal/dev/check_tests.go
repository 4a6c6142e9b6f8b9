package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/lullhq/lull/cmd/internal/dev/arch"
)

func checkTest(ctx context.Context) error {
	return goTest(ctx, "./...")
}

// checkRace runs only where goroutines are started: elsewhere the detector
// costs minutes and can find nothing.
func checkRace(ctx context.Context) error {
	pkgs, err := concurrent()
	if err != nil {
		return err
	}
	fmt.Println("packages:", strings.Join(pkgs, " "))
	return goTest(ctx, append([]string{"-race", "-short"}, pkgs...)...)
}

// unraced is left out of the race stage: its tests start this very binary under
// memory limits that the detector's shadow memory does not fit into.
const unraced = "runner/execute"

// concurrent are the packages that start goroutines, by a go statement or as
// sync.WaitGroup does, or whose tests do.
func concurrent() ([]string, error) {
	tree, err := arch.Load(".")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, f := range tree.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if startsGoroutine(n) && f.Dir != "." && f.Dir != unraced {
				dirs = append(dirs, "./"+f.Dir)
			}
			return true
		})
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

func startsGoroutine(n ast.Node) bool {
	if call, ok := n.(*ast.CallExpr); ok {
		to, ok := call.Fun.(*ast.SelectorExpr)
		return ok && to.Sel.Name == "Go" && len(call.Args) == 1
	}
	_, ok := n.(*ast.GoStmt)
	return ok
}

// goTest runs go test and judges its report: in CI a skipped test is a failure
// unless its reason is on record in [allowedSkips].
func goTest(ctx context.Context, args ...string) error { return goTestFor(ctx, nil, args...) }

// goTestFor is goTest with more environment.
func goTestFor(ctx context.Context, env []string, args ...string) error {
	c := command(ctx, "go", append([]string{"test", "-json", "-timeout=30m"}, args...)...)
	var out bytes.Buffer
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = &out, os.Stderr
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	r := readReport(out.Bytes())
	fmt.Println(r.summary())
	return r.judge(err, slices.Contains(args, "-short"), os.Getenv("CI") != "")
}

// A testEvent is one line of `go test -json`, as `go doc test2json` describes it.
type testEvent struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// A testReport is what a run of go test says.
type testReport struct {
	passed  int
	failed  []string // "package.Test", or "package" where it did not build
	skipped []skip
	slow    []string
	talk    map[string]*strings.Builder // output by package.Test
}

type skip struct{ Package, Test, Why string }

func readReport(out []byte) *testReport {
	r := &testReport{talk: map[string]*strings.Builder{}}
	for line := range bytes.Lines(out) {
		var e testEvent
		if json.Unmarshal(line, &e) == nil {
			r.add(e)
		}
	}
	return r
}

func (r *testReport) add(e testEvent) {
	name := e.Package
	if e.Action == "build-output" {
		name = e.ImportPath
	}
	if e.Test != "" {
		name += "." + e.Test
	}
	if r.talk[name] == nil {
		r.talk[name] = &strings.Builder{}
	}
	switch e.Action {
	case "output", "build-output":
		r.talk[name].WriteString(e.Output)
	case "fail", "build-fail":
		r.failed = append(r.failed, name)
	case "skip":
		if e.Test != "" { // a package without tests skips as a whole
			r.skipped = append(r.skipped, skip{e.Package, e.Test, r.talk[name].String()})
		}
	case "pass":
		if e.Test != "" {
			r.passed++
		} else if e.Elapsed > 20 {
			r.slow = append(r.slow, fmt.Sprintf("%s %.0fs", strings.TrimPrefix(e.Package, arch.Module+"/"), e.Elapsed))
		}
	}
}

func (r *testReport) summary() string {
	s := fmt.Sprintf("tests: %d passed, %d failed, %d skipped", r.passed, len(r.failed), len(r.skipped))
	if len(r.slow) > 0 {
		s += "; slow: " + strings.Join(r.slow, ", ")
	}
	return s
}

// judge turns the report into an error. runErr is what the go command ended with.
func (r *testReport) judge(runErr error, short, ci bool) error {
	var errs []error
	for _, name := range r.failed {
		errs = append(errs, fmt.Errorf("FAIL %s\n%s", name, r.talk[name]))
	}
	for _, s := range r.skipped {
		if why := allowed(s, short); why == "" && ci {
			errs = append(errs, fmt.Errorf("SKIPPED %s.%s\n%sgive CI what the test needs, or put the reason into allowedSkips", s.Package, s.Test, s.Why))
		}
	}
	if r.passed == 0 {
		errs = append(errs, errors.New("no test ran"))
	}
	if len(errs) == 0 {
		return runErr
	}
	return errors.Join(errs...)
}
