//go:build !linux

package facts

import (
	"context"
	"os"
	"path/filepath"
)

func platformCollectors(o *Options) ([]collector, error) {
	return append([]collector{&portable{}}, nativeCollectors(o)...), nil
}

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
