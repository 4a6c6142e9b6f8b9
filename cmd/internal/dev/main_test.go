package main

import (
	"errors"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"

	"github.com/lullhq/lull/cmd/internal/dev/arch"
)

var root = filepath.FromSlash("../../..")

func goMod(t *testing.T) *modfile.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

func TestStockOpaIsTheVersionThatTheEngineEmbeds(t *testing.T) {
	i := slices.IndexFunc(tools, func(t tool) bool { return t.Name == "opa" })
	for _, r := range goMod(t).Require {
		if r.Mod.Path == tools[i].Package && r.Mod.Version != tools[i].Version {
			t.Errorf("tools has opa %s, go.mod %s", tools[i].Version, r.Mod.Version)
		}
	}
}

// A policy decision, a verification or a fact may change with these versions:
// each change of one is a change of lull and is made on purpose.
func TestTheLibrariesThatDecideArePinned(t *testing.T) {
	want := map[string]string{
		"github.com/fsnotify/fsnotify":     "v1.10.1",
		"github.com/open-policy-agent/opa": "v1.22.2",
		"github.com/shirou/gopsutil/v3":    "v3.24.5",
		"github.com/sigstore/sigstore":     "v1.10.11",
		"github.com/sigstore/sigstore-go":  "v1.3.0",
		"github.com/spf13/cobra":           "v1.10.2",
	}
	for _, r := range goMod(t).Require {
		if v, ok := want[r.Mod.Path]; ok && v != r.Mod.Version {
			t.Errorf("%s is %s, want %s", r.Mod.Path, r.Mod.Version, v)
		}
		delete(want, r.Mod.Path)
	}
	for path := range want {
		t.Errorf("%s is not required by go.mod", path)
	}
}

// The linter shows in editors what the architecture test enforces.
func TestTheLinterDeniesWhatTheArchitectureDenies(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range config.Linters.Settings.Depguard.Rules {
		for _, d := range r.Deny {
			got[d.Pkg] = r.Files
		}
	}
	for _, l := range arch.Libraries {
		want := []string{"$all"}
		if l.Tests {
			want = append(want, "!$test")
		}
		for _, room := range l.Rooms {
			want = append(want, "!**/"+room+"/**")
		}
		if !slices.Equal(got[l.Path], want) {
			t.Errorf("depguard has files %q for %s, want %q", got[l.Path], l.Path, want)
		}
	}
	if len(got) != len(arch.Libraries) {
		t.Errorf("depguard denies %d packages, the architecture %d", len(got), len(arch.Libraries))
	}
}

const testRun = `{"Action":"output","Package":"m/a","Test":"TestX","Output":"    x_test.go:3: needs root\n"}
{"Action":"skip","Package":"m/a","Test":"TestX"}
{"Action":"pass","Package":"m/a","Test":"TestY"}
{"Action":"pass","Package":"m/a"}
not json
`

func TestASkipIsAFailureInCIOnly(t *testing.T) {
	r := readReport([]byte(testRun))
	if got, want := r.summary(), "tests: 1 passed, 0 failed, 1 skipped"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	if err := r.judge(nil, false, false); err != nil {
		t.Errorf("on a contributor's machine: %v", err)
	}
	err := r.judge(nil, false, true)
	if err == nil || !strings.Contains(err.Error(), "SKIPPED m/a.TestX") || !strings.Contains(err.Error(), "needs root") {
		t.Errorf("in CI got %v, want the skipped test and its reason", err)
	}
}

func TestAFailureShowsTheTestsOwnWords(t *testing.T) {
	r := readReport([]byte(`{"Action":"output","Package":"m/a","Test":"TestX","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"m/a","Test":"TestX"}`))
	err := r.judge(errors.New("exit status 1"), false, false)
	if err == nil || !strings.Contains(err.Error(), "FAIL m/a.TestX") || !strings.Contains(err.Error(), "got 1, want 2") {
		t.Errorf("got %v", err)
	}
}

func TestARunWithoutTestsIsAFailure(t *testing.T) {
	if err := readReport(nil).judge(nil, false, false); err == nil {
		t.Error("a run that tested nothing passed")
	}
}

func TestEachSkipOnTheListHasARoomAndAReason(t *testing.T) {
	for _, a := range allowedSkips {
		if _, err := os.Stat(filepath.Join(root, a.Room)); err != nil || a.Test == "" || len(a.Why) < 20 {
			t.Errorf("%+v: want an existing room, a test and a reason", a)
		}
	}
}

func TestBenchmarkLinesAreRead(t *testing.T) {
	got := readBenchmarks([]byte("goos: linux\nBenchmarkDecide-2   \t   12345\t     95000 ns/op\t  40000 B/op\t     580 allocs/op\t 1.02 ratio\nPASS\n"))
	figures, err := pick(got, "./engine", []bench{{"engine.decide_us", "Decide", "ns/op", 1e-3, []peer{{"Decide", "ratio"}}}})
	if err != nil || figures["engine.decide_us"].Value != 95 || figures["engine.decide_us"].Peer != "Decide: 0.00102" || got["Decide"]["ratio"] != 1.02 {
		t.Errorf("got %v, %v, %v", got, figures, err)
	}
	if _, err := pick(got, "./engine", []bench{{"engine.explain_us", "Explain", "ns/op", 1, nil}}); err == nil {
		t.Error("a benchmark that is not there was measured")
	}
}

func TestTheReportTellsWhatWasNotMeasured(t *testing.T) {
	var out strings.Builder
	met := true
	v := 94.5
	err := report(&out, "text", []result{
		{Name: "engine.decide_us", Figure: &v, Target: 100, Met: &met, Peer: "PlainRegoEval: 140"},
		{Name: "runner.foreground_ratio", Target: 1.1, Why: "needs a throttled disk"},
	})
	want := `name                     figure        target  met  peer
engine.decide_us         94.5          ≤ 100   yes  PlainRegoEval: 140
runner.foreground_ratio  not measured  ≤ 1.1   -    needs a throttled disk
`
	if err != nil || out.String() != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, out.String(), want)
	}
}

func TestAMistypedStageOrTargetIsNamed(t *testing.T) {
	if _, err := choose([]string{"fuz"}); err == nil || !strings.Contains(err.Error(), `"fuz"`) {
		t.Errorf("got %v", err)
	}
	if _, err := chooseTargets([]string{"engine.nothing"}); err == nil || !strings.Contains(err.Error(), "engine.nothing") {
		t.Errorf("got %v", err)
	}
	if got, err := chooseTargets([]string{"trust"}); err != nil || len(got) != 3 {
		t.Errorf("trust: got %d targets, %v, want 3", len(got), err)
	}
}

// A test that was renamed would silently be left out, or not be left out any more.
func TestTheTestsThatAreChosenForWineExist(t *testing.T) {
	t.Chdir(root)
	tests, err := testFuncs(func(fn *ast.FuncDecl) bool { return strings.HasPrefix(fn.Name.Name, "Test") })
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range winePackages {
		names := slices.Clone(p.Only)
		for _, s := range p.Skip {
			names = append(names, s.Test)
			if s.Why == "" {
				t.Errorf("%s leaves out %s without a reason", p.Dir, s.Test)
			}
		}
		for _, name := range names {
			if !slices.Contains(tests, testFunc{strings.TrimPrefix(p.Dir, "./"), name}) {
				t.Errorf("%s has no test %s", p.Dir, name)
			}
		}
	}
}
