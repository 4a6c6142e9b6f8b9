package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

// A generated file is made from the code, and committed so that it can be read
// without running anything.
type generated struct {
	Path string
	Make func() ([]byte, error)
}

func cmdGen(_ context.Context, args []string) error {
	fs := flag.NewFlagSet("gen", flag.ContinueOnError)
	check := fs.Bool("check", false, "write nothing; fail when a file is out of date")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *check {
		return checkGenerated(context.Background())
	}
	for _, g := range generatedFiles {
		data, err := g.Make()
		if err != nil {
			return fmt.Errorf("%s: %w", g.Path, err)
		}
		if err := os.WriteFile(g.Path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func checkGenerated(context.Context) error {
	var errs []error
	for _, g := range generatedFiles {
		want, err := g.Make()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.Path, err))
			continue
		}
		got, err := os.ReadFile(g.Path)
		if err != nil || !bytes.Equal(got, want) {
			errs = append(errs, fmt.Errorf("%s is out of date; run: go run ./cmd/internal/dev gen", g.Path))
		}
	}
	return errors.Join(errs...)
}
