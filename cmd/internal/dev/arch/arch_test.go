package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func TestThisRepositoryKeepsItsArchitecture(t *testing.T) {
	tree, err := Load(filepath.FromSlash("../../../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range tree.Check() {
		t.Error(v)
	}
}

// Each testdata file is a small repository that breaks rules; its comment
// lists the violations to be found, one a line, by their beginnings.
func TestBrokenTreesAreFoundOut(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test trees: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			arc, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := Load(unpack(t, arc))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, tree.Check(), wanted(arc))
		})
	}
}

func unpack(t *testing.T, arc *txtar.Archive) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range arc.Files {
		p := filepath.Join(root, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		// "+" stands between the parts of a word that this file may not hold.
		data := strings.ReplaceAll(string(f.Data), "+", "")
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func wanted(arc *txtar.Archive) []string {
	var want []string
	for line := range strings.Lines(string(arc.Comment)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			want = append(want, line)
		}
	}
	return want
}

func compare(t *testing.T, got []Violation, want []string) {
	t.Helper()
	left := map[string]bool{}
	for _, v := range got {
		left[v.String()] = true
	}
	for _, w := range want {
		found := false
		for g := range left {
			if strings.HasPrefix(g, w) {
				delete(left, g)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("not found: %s", w)
		}
	}
	for g := range left {
		t.Errorf("found, and should not be: %s", g)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	tests := []struct {
		dir  string
		test bool
		pkg  string
		ok   bool
	}{
		{"runner", false, Module + "/runner/journal", true},
		{"runner", false, Module + "/engine", true},
		{"runner/execute", false, Module + "/trust", true},
		{"runner/execute", false, Module + "/runner/execute/internal/stage", true},
		{"runner/execute", false, Module + "/runner/journal", false},
		{"runner/execute", false, Module + "/runner", false},
		{"facts/capture", false, Module + "/facts", true},
		{"facts", false, Module + "/engine", false},
		{"engine", true, Module + "/policies", true},
		{"engine", false, Module + "/policies", false},
		{"trust", false, Module + "/runner", false},
		{"engine", true, Module + "/cmd/internal/cli", false},
		{"cmd/internal/cli", false, Module + "/facts", true},
		{"cmd/lull", false, Module + "/cmd/internal/cli", true},
		{"cmd/internal/cli", false, "os/exec", false},
		{"cmd/internal/cli", true, "os/exec", true},
		{"cmd/internal/dev/arch", false, "os/exec", true},
		{"runner/executed", false, "os/exec", false},
		{"facts", true, "github.com/open-policy-agent/opa/v1/rego", false},
		{"policytests", true, "github.com/open-policy-agent/opa/v1/rego", true},
		{"trust", false, "github.com/sigstore/sigstore-go/pkg/verify", true},
		{"runner/watch", false, "github.com/fsnotify/fsnotify", true},
		{"runner/config", true, "github.com/fsnotify/fsnotify", false},
		{"facts", false, "github.com/godbus/dbus/v5", true},
		{"runner", false, "github.com/godbus/dbus/v5", false},
	}
	for _, tt := range tests {
		if why := Import(tt.dir, tt.test, tt.pkg); (why == "") != tt.ok {
			t.Errorf("Import(%s, test %v, %s) = %q, want allowed %v", tt.dir, tt.test, tt.pkg, why, tt.ok)
		}
	}
}
