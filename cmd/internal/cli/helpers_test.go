package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// removeAll removes a tree with read-only directories in it, as the store's.
func removeAll(dir string) {
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	os.RemoveAll(dir)
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// buffer is an output that a test looks into.
type buffer struct {
	t *testing.T
	bytes.Buffer
}

func newBuffer(t *testing.T) *buffer { return &buffer{t: t} }

func (b *buffer) contains(parts ...string) {
	b.t.Helper()
	for _, p := range parts {
		if !strings.Contains(b.String(), p) {
			b.t.Errorf("the output lacks %q:\n%s", p, b)
		}
	}
}
