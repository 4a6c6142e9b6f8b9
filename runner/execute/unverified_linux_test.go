package execute

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lullhq/lull/trust"
)

// starts are programs that try to start something, each the body of a function
// that has an executor x and a verified program v.
var starts = []struct{ name, body, says string }{
	{"what was verified", `x.Start(nil, execute.Spec{Program: v})`, ""},
	{"a path", `x.Start(nil, execute.Spec{Program: "/opt/reader/updater"})`, "cannot use \"/opt/reader/updater\""},
	{"a package that was admitted, but not checked", `var p *trust.Package; x.Start(nil, execute.Spec{Program: p})`, "cannot use p"},
	{"a type with the same methods", `x.Start(nil, execute.Spec{Program: fake{}})`, "cannot use fake{}"},
	{"what looks like something verified", `x.Start(nil, execute.Spec{Program: (*trust.Verified)(&struct{ dir string }{"/opt"})})`, "cannot convert"},
	{"a literal of what was verified", `x.Start(nil, execute.Spec{Program: &trust.Verified{dir: "/opt/reader"}})`, "cannot refer to unexported field dir"},
	{"what was verified, turned to another directory", `v.dir = "/opt/reader"; x.Start(nil, execute.Spec{Program: v})`, "has no field or method dir"},
	{"the way in that tests have", `x.start(nil, execute.Spec{}, fake{})`, "has no field or method start"},
}

// TestAnUnverifiedPathDoesNotTypeCheckAsSomethingThatRuns compiles them.
func TestAnUnverifiedPathDoesNotTypeCheckAsSomethingThatRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles programs; not in short mode")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	for _, tt := range starts {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "start.go")
			must(t, os.WriteFile(file, []byte(`package start

import (
	"github.com/lullhq/lull/runner/execute"
	"github.com/lullhq/lull/trust"
)

type fake struct{}

func (fake) Dir() string                    { return "" }
func (fake) Argv(string) (string, []string) { return "/bin/true", nil }
func (fake) ArtifactDir() string            { return "" }
func (fake) Valid() error                   { return nil }

func start(x *execute.Executor, v *trust.Verified) { `+tt.body+` }
`), 0o644))
			out, err := exec.Command("go", "build", "-o", os.DevNull, file).CombinedOutput()
			switch {
			case tt.says == "" && err != nil:
				t.Errorf("does not compile: %v\n%s", err, out)
			case tt.says != "" && err == nil:
				t.Error("compiles")
			case !strings.Contains(string(out), tt.says):
				t.Errorf("does not compile, but for another reason than %q:\n%s", tt.says, out)
			}
		})
	}
}

// TestWhatNobodyVerifiedDoesNotStart: the zero value does type-check.
func TestWhatNobodyVerifiedDoesNotStart(t *testing.T) {
	x, dir := newExecutor(t), openDir(t)
	for name, v := range map[string]*trust.Verified{"nothing": nil, "the zero value": {}} {
		s := specIn(t, dir)
		s.Program = v
		p, err := x.Start(t.Context(), s)
		if err == nil {
			p.Kill()
			t.Errorf("%s was started", name)
		}
	}
	if left, _ := os.ReadDir(x.opts.RunDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
