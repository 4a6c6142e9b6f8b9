package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// demoLimit is what the README promises.
const demoLimit = 60 * time.Second

// checkDemo does what a stranger does first.
func checkDemo(ctx context.Context) error {
	lull, remove, err := buildLull(ctx)
	if err != nil {
		return err
	}
	defer remove()
	began := time.Now()
	out, err := output(ctx, nil, lull, "run", "--demo")
	if err != nil {
		return err
	}
	if took := time.Since(began); took > demoLimit {
		return fmt.Errorf("took %v, and the README promises %v", took.Round(time.Second), demoLimit)
	}
	if len(out) == 0 {
		return errors.New("the demo printed nothing")
	}
	return nil
}
