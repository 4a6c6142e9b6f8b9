package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A stage is one part of the gate. It fails with an error that tells what to
// mend; what it prints besides is for the log.
type stage struct {
	Name string
	Does string
	Run  func(ctx context.Context) error
}

// stages in the order in which they run: the quick and most telling first.
var stages = []stage{
	{"format", "gofmt has nothing to change", checkFormat},
	{"modules", "go.mod and go.sum are tidy", checkModules},
	{"vet", "every package, tests included, compiles and vets on every platform without cgo", checkVet},
	{"build", "the binary builds on every platform without cgo", checkBuild},
	{"lint", "golangci-lint with .golangci.yml", checkLint},
	{"generated", "generated files are up to date", checkGenerated},
	{"policies", "stock opa: format, strict check against the input schema, tests", checkPolicies},
	{"test", "go test ./...; in CI no test is skipped without a reason on record", checkTest},
	{"wine", "the tests of the Windows build and the Windows binary, under Wine", checkWine},
	{"race", "the race detector on packages with goroutines", checkRace},
	{"allocations", "allocation gates, alone and uncached", checkAllocations},
	{"fuzz", "every fuzz target for a few seconds", checkFuzz},
	{"demo", "the README's first command", checkDemo},
}

func cmdCheck(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	list := fs.Bool("list", false, "list the stages and stop")
	if err := fs.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(fs.Args())
	if err != nil {
		return err
	}
	if *list {
		for _, s := range chosen {
			fmt.Printf("%-12s %s\n", s.Name, s.Does)
		}
		return nil
	}
	if err := useTools(); err != nil {
		return err
	}
	return runStages(ctx, chosen)
}

// choose keeps the named stages, or all of them.
func choose(names []string) ([]stage, error) {
	if len(names) == 0 {
		return stages, nil
	}
	var chosen []stage
	for _, n := range names {
		i := slices.IndexFunc(stages, func(s stage) bool { return s.Name == n })
		if i < 0 {
			return nil, fmt.Errorf("no stage %q; list them with: go run ./cmd/internal/dev check -list", n)
		}
		chosen = append(chosen, stages[i])
	}
	return chosen, nil
}

// runStages runs all of them, also after a failure: one run tells everything
// that is to be mended.
func runStages(ctx context.Context, chosen []stage) error {
	var failed []string
	for _, s := range chosen {
		fmt.Printf("=== %s: %s\n", s.Name, s.Does)
		began := time.Now()
		err := s.Run(ctx)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		took := time.Since(began).Round(100 * time.Millisecond)
		if err != nil {
			failed = append(failed, s.Name)
			fmt.Printf("%v\n--- FAILED %s (%v)\n", err, s.Name, took)
			continue
		}
		fmt.Printf("--- ok %s (%v)\n", s.Name, took)
	}
	fmt.Printf("stages: %d passed, %d failed\n", len(chosen)-len(failed), len(failed))
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s; run one again with: go run ./cmd/internal/dev check %s", strings.Join(failed, ", "), failed[0])
	}
	return nil
}
