package execute

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The test binary is supervisor, launcher and updater: TestMain looks at how it was
// called. As an updater it lies in a package directory as "updater".
func TestMain(m *testing.M) {
	MaybeStage()
	if len(os.Args) > 2 && os.Args[1] == "behave" {
		os.Exit(behave(os.Args[2], os.Args[3:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "daemon" {
		os.Exit(daemon(os.Args[2:]))
	}
	less()
	code := m.Run()
	if packageDir != "" {
		_ = os.RemoveAll(filepath.Dir(packageDir))
	}
	os.Exit(code)
}

var packageDir string

// updaterDir is a package with this binary as its updater, made once.
func updaterDir(t testing.TB) string {
	t.Helper()
	if packageDir != "" {
		return packageDir
	}
	base, err := os.MkdirTemp("", "lull-package-")
	if err != nil {
		t.Fatal(err)
	}
	packageDir = filepath.Join(base, "package")
	if err := os.Mkdir(packageDir, 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(base, 0o755)
	copyFile(t, "/proc/self/exe", filepath.Join(packageDir, "updater"), 0o555)
	return packageDir
}

func copyFile(t testing.TB, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, mode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// fake is a program that nobody verified.
type fake struct {
	dir, path string
	args      []string
	artifacts string
	valid     error
}

func (f fake) Dir() string                    { return f.dir }
func (f fake) Argv(string) (string, []string) { return f.path, f.args }
func (f fake) ArtifactDir() string            { return f.artifacts }
func (f fake) Valid() error                   { return f.valid }

// behaving is this binary as an updater that does one of the things in behave.
func behaving(t testing.TB, what string, args ...string) fake {
	dir := updaterDir(t)
	return fake{dir: dir, path: filepath.Join(dir, "updater"), args: append([]string{"behave", what}, args...)}
}

// newExecutor has its attempts below a directory that other users may pass through.
func newExecutor(t testing.TB) *Executor {
	t.Helper()
	x, err := New(Options{RunDir: filepath.Join(openDir(t), "attempts"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// openDir is a temporary directory with a short name that is open to all.
func openDir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "lull-t-")
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(d, 0o755)
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

var attempts int

// specIn is a spec with its directories in place.
func specIn(t testing.TB, dir string) Spec {
	t.Helper()
	attempts++
	return Spec{
		ID: fmt.Sprintf("attempt-%d-%d", os.Getpid(), attempts), Action: "install", Updater: "com.example.reader", Update: "reader-1", Attempt: 1,
		StateDir: filepath.Join(dir, "state"), StageDir: filepath.Join(dir, "stage"), LogFile: filepath.Join(dir, "log"),
		MaxSeconds: 60, Idempotent: true,
	}
}

// begun starts a behaviour and fails the test when it does not start.
func begun(t testing.TB, x *Executor, s Spec, f fake) *Process {
	t.Helper()
	p, err := x.start(t.Context(), s, f)
	if err != nil {
		trace, _ := os.ReadFile(filepath.Join(x.dir(s.ID), traceName))
		t.Fatalf("start: %v\n%s", err, trace)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

// run does it to the end.
func run(t testing.TB, change func(*Spec), f fake) Result {
	t.Helper()
	x, dir := newExecutor(t), openDir(t)
	s := specIn(t, dir)
	if change != nil {
		change(&s)
	}
	p := begun(t, x, s, f)
	select {
	case <-p.Done():
	case <-time.After(60 * time.Second):
		t.Fatal("it did not end within a minute")
	}
	r := p.Wait()
	if t.Failed() {
		log, _ := os.ReadFile(s.LogFile)
		t.Logf("log:\n%s", log)
	}
	return r
}
