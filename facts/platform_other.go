//go:build !linux

package facts

import (
	"context"
	"time"
)

func platformCollectors(*Options) ([]collector, error) { return nil, nil }

var started = time.Now()

// sinceBoot counts from the start of the program where the boot clock is not
// at hand: only differences are used.
func sinceBoot() time.Duration { return time.Since(started) }

// watchDir has no events here.
func watchDir(ctx context.Context, _ string, _ func()) { <-ctx.Done() }
