package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// checkPolicies asks stock opa, not our engine: what it accepts is what an
// administrator's own tools accept.
func checkPolicies(ctx context.Context) error {
	lull, remove, err := buildLull(ctx)
	if err != nil {
		return err
	}
	defer remove()
	schema, err := output(ctx, nil, lull, "policy", "schema")
	if err != nil {
		return err
	}
	file := filepath.Join(filepath.Dir(lull), "input.json")
	if err := os.WriteFile(file, schema, 0o600); err != nil {
		return err
	}
	rooms := []string{"policies", "policytests"}
	return errors.Join(
		opa(ctx, append([]string{"fmt", "--list", "--fail"}, rooms...)),
		opa(ctx, append([]string{"check", "--strict", "--schema", file}, rooms...)),
		opaTest(ctx, rooms),
	)
}

func opa(ctx context.Context, args []string) error {
	return sh(ctx, nil, "opa", args...)
}

// opaTest fails also when no test ran.
func opaTest(ctx context.Context, rooms []string) error {
	out, err := output(ctx, nil, "opa", append([]string{"test"}, rooms...)...)
	if err != nil {
		return err
	}
	last := lines(out)
	if len(last) == 0 {
		return errors.New("opa test found no tests in policytests")
	}
	fmt.Println("opa test:", last[len(last)-1])
	return nil
}
