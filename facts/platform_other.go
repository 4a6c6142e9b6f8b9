//go:build !linux

package facts

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

func platformCollectors(*Options) ([]collector, error) {
	return append([]collector{&portable{}}, nativeCollectors()...), nil
}

var started = time.Now()

// sinceBoot counts from the start of the program: only differences are used.
func sinceBoot() time.Duration { return time.Since(started) + time.Nanosecond }

// watchDir has no events here; facts.d is read at each look.
func watchDir(ctx context.Context, _ string, _ func()) { <-ctx.Done() }

// existingAncestor is the nearest directory at or above path that exists.
func existingAncestor(path string) string {
	dir, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	for {
		parent := filepath.Dir(dir)
		if _, err := os.Stat(dir); err == nil || parent == dir {
			return dir
		}
		dir = parent
	}
}
