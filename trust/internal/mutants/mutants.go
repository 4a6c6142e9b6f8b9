// Package mutants shows that tests notice when a check is taken out, also one in
// the source of a library: it builds the tests of a package once more with the
// checks made optional, in copies of the sources, and runs each test with its
// check taken out. A test that still passes then tests nothing.
package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Mutant takes one check out of the source.
type Mutant struct {
	Name  string
	Edits []Edit
	Test  string // that must notice: its name, and after slashes those of cases
}

// Edit makes one place of the source optional. File is relative to the module,
// or an import path below another module ("github.com/…/file.go"). In New,
// MUTANT is an expression that is true while the mutant is wanted.
type Edit struct{ File, Old, New string }

// wanted is the variable that names the mutant in force.
const wanted = "LULL_MUTANT"

// Run builds the tests of the package in the current directory and lets each
// mutant's test run against it, and all of them against none. Skips are short:
// it compiles, which takes up to a minute.
func Run(t *testing.T, list []Mutant) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds a test binary; not in short mode")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	binary := build(t, list)
	var all []string
	for _, m := range list {
		all = append(all, m.Test)
		t.Run(m.Name, func(t *testing.T) {
			out, err := run(binary, m.Name, m.Test)
			switch {
			case err == nil:
				t.Errorf("%s passes although the check is gone:\n%s", m.Test, out)
			case !bytes.Contains(out, []byte("--- FAIL: ")) && !bytes.Contains(out, []byte("\npanic: ")):
				t.Errorf("%s did not fail, but: %v\n%s", m.Test, err, out)
			}
		})
	}
	for _, test := range all {
		if out, err := run(binary, "", test); err != nil || bytes.Contains(out, []byte("no tests to run")) {
			t.Errorf("%s without a mutant: %v\n%s", test, err, out)
		}
	}
}

func run(binary, mutant, test string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var exact []string
	for _, part := range strings.Split(test, "/") {
		exact = append(exact, "^"+regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_"))+"$")
	}
	c := exec.CommandContext(ctx, binary, "-test.v", "-test.run", strings.Join(exact, "/"))
	c.Env = append(os.Environ(), wanted+"="+mutant)
	return c.CombinedOutput()
}

// build compiles the tests with all mutants in them, none in force.
func build(t *testing.T, list []Mutant) string {
	t.Helper()
	b := &builder{t: t, dir: t.TempDir(), overlay: map[string]string{}, copies: map[string]string{}}
	b.root = b.ask("list", "-m", "-f", "{{.Dir}}")
	for _, m := range list {
		for _, e := range m.Edits {
			b.edit(m.Name, e)
		}
	}
	binary := filepath.Join(b.dir, "mutated.test")
	args := []string{"test", "-c", "-o", binary, "-overlay", b.writeOverlay(), "-modfile", b.writeModule(), "."}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return binary
}

// builder keeps edited sources: files of this module through an overlay, and
// whole copies of other modules, which an overlay may not touch.
type builder struct {
	t         *testing.T
	dir, root string
	overlay   map[string]string // edited copy by path
	copies    map[string]string // directory by module
}

func (b *builder) edit(mutant string, e Edit) {
	b.t.Helper()
	path := b.locate(e.File)
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	text := string(data)
	if n := strings.Count(text, e.Old); n != 1 {
		b.t.Fatalf("%s: %s holds the text %d times, want once: %s", mutant, e.File, n, e.Old)
	}
	if !strings.Contains(text, "mutantos") {
		text = strings.Replace(text, "import (", "import (\n\tmutantos \"os\"", 1)
	}
	is := `(mutantos.Getenv("` + wanted + `") == "` + mutant + `")`
	text = strings.Replace(text, e.Old, strings.ReplaceAll(e.New, "MUTANT", is), 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// locate finds the copy of a source file in which to edit it.
func (b *builder) locate(file string) string {
	b.t.Helper()
	if host, _, _ := strings.Cut(file, "/"); strings.Contains(host, ".") {
		where := strings.Fields(b.ask("list", "-f", "{{.Module.Path}} {{.Module.Dir}} {{.Dir}}", filepath.ToSlash(filepath.Dir(file))))
		inside, err := filepath.Rel(where[1], where[2])
		if err != nil {
			b.t.Fatal(err)
		}
		return filepath.Join(b.copyOf(where[0], where[1]), inside, filepath.Base(file))
	}
	path := filepath.Join(b.root, filepath.FromSlash(file))
	if b.overlay[path] == "" {
		b.overlay[path] = filepath.Join(b.dir, strings.ReplaceAll(file, "/", "_"))
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(b.overlay[path], data, 0o644)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return b.overlay[path]
}

func (b *builder) copyOf(module, from string) string {
	b.t.Helper()
	if b.copies[module] == "" {
		b.copies[module] = filepath.Join(b.dir, strings.ReplaceAll(module, "/", "_"))
		if err := os.CopyFS(b.copies[module], os.DirFS(from)); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.copies[module]
}

func (b *builder) writeOverlay() string {
	b.t.Helper()
	data, err := json.Marshal(map[string]any{"Replace": b.overlay})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.write("overlay.json", data)
}

// writeModule writes a go.mod in which the copies stand for their modules.
func (b *builder) writeModule() string {
	b.t.Helper()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(b.root, name))
		if err != nil {
			b.t.Fatal(err)
		}
		if name == "go.mod" {
			for module, dir := range b.copies {
				data = fmt.Appendf(data, "\nreplace %s => %s\n", module, dir)
			}
		}
		b.write("mutated"+filepath.Ext(name), data)
	}
	return filepath.Join(b.dir, "mutated.mod")
}

func (b *builder) write(name string, data []byte) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *builder) ask(args ...string) string {
	b.t.Helper()
	c := exec.Command("go", args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		b.t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}
