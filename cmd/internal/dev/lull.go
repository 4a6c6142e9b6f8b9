package main

import (
	"context"
	"os"
	"path/filepath"
)

// buildLull builds the binary into a throwaway directory, from the cache that
// the tests filled.
//
// The rooms are never imported here: what is measured and checked is what a
// user runs, and this command still works while a room does not compile.
func buildLull(ctx context.Context) (file string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "lull-dev-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "lull")
	if err := sh(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-o", file, "./cmd/lull"); err != nil {
		remove()
		return "", nil, err
	}
	return file, remove, nil
}
