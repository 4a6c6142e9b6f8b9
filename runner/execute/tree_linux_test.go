package execute

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stands tells whether a file stops changing for a while.
func stands(t *testing.T, file string) bool {
	t.Helper()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(150 * time.Millisecond)
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(before) == string(after)
}

// appears waits for a file.
func appears(t *testing.T, file string) {
	t.Helper()
	for range 4000 {
		if fi, err := os.Stat(file); err == nil && fi.Size() > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s did not appear", file)
}

func TestNothingOutlivesItsAction(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string // after the file
		end  func(*Process)
	}{
		{"its own end", nil, func(*Process) {}},
		{"a kill", []string{"stay"}, func(p *Process) { _ = p.Kill() }},
		{"a kill while frozen", []string{"stay"}, func(p *Process) { _ = p.Freeze(); _ = p.Kill() }},
		{"a cancel that it ignores", []string{"stay"}, func(p *Process) { _ = p.Cancel("test", 100*time.Millisecond) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, dir := newExecutor(t), openDir(t)
			s := specIn(t, dir)
			file := filepath.Join(s.StateDir, "count")
			p := begun(t, x, s, behaving(t, "escape", append([]string{file}, c.args...)...))
			appears(t, file)
			c.end(p)
			p.Wait()
			if !stands(t, file) {
				t.Error("a double-forked child in a session of its own lives on")
			}
		})
	}
}

func TestATimeOutEndsTheWholeTree(t *testing.T) {
	x, dir := newExecutor(t), openDir(t)
	s := specIn(t, dir)
	s.MaxSeconds = 2
	file := filepath.Join(s.StateDir, "count")
	p := begun(t, x, s, behaving(t, "escape", file, "stay"))
	appears(t, file)
	if r := p.Wait(); !r.TimedOut || !stands(t, file) {
		t.Errorf("got %+v, or its child lives on", r)
	}
}

func TestAFrozenTreeStandsAndGoesOnAfterTheThaw(t *testing.T) {
	x, dir := newExecutor(t), openDir(t)
	s := specIn(t, dir)
	file := filepath.Join(s.StateDir, "count")
	p := begun(t, x, s, behaving(t, "escape", file, "stay"))
	appears(t, file)
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	if !stands(t, file) {
		t.Error("frozen, but it goes on")
	}
	if err := p.Thaw(); err != nil {
		t.Fatal(err)
	}
	for i := 0; stands(t, file); i++ { // at idle priority it may wait for its turn
		if i == 100 {
			t.Fatal("thawed, but it stands")
		}
	}
	_ = p.Kill()
	if r := p.Wait(); r.FrozenSeconds < 0.1 || r.FrozenSeconds > r.WallSeconds {
		t.Errorf("frozen %v of %v seconds", r.FrozenSeconds, r.WallSeconds)
	}
}

func TestAForkBombIsBounded(t *testing.T) {
	r := run(t, func(s *Spec) { s.Tasks, s.OutputLimit = 40, 1000 }, behaving(t, "bomb"))
	n, err := strconv.Atoi(strings.TrimSpace(string(r.Output)))
	if err != nil {
		t.Fatalf("%+v", r)
	}
	if !slices.Contains(r.Layers, "uid") && os.Geteuid() == 0 {
		t.Skipf("root without a user of its own and without a pids controller is not bounded (%d forks)", n)
	}
	if n >= 40 {
		t.Errorf("it forked %d times with 40 tasks", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := run(t, func(s *Spec) { s.MemoryBytes = 256 << 20 }, behaving(t, "hog"))
	if r.Outcome != Failed {
		t.Errorf("it took 700 MiB of 256: %+v", r)
	}
}

func TestTheAccountsAreKept(t *testing.T) {
	r := run(t, nil, behaving(t, "burn"))
	if r.CPUSeconds < 0.1 || r.CPUSeconds > 2 || r.WallSeconds < 0.05 {
		t.Errorf("burnt 0.2 s, counted %v of %v", r.CPUSeconds, r.WallSeconds)
	}
	if len(r.Layers) == 0 || r.Memory == "" {
		t.Errorf("it does not say what confined it: %+v", r)
	}
}

func TestOnlyDeclaredDirectoriesAreWritableAndStayRootsOnDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: another user's directory cannot be lent by an ordinary one")
	}
	dir := openDir(t)
	product := filepath.Join(dir, "opt", "reader") // made by the start
	r := run(t, func(s *Spec) { s.Write = []string{product}; s.OutputLimit = 1000 }, behaving(t, "put", filepath.Join(product, "bin")))
	fi, err := os.Stat(filepath.Join(product, "bin"))
	if r.Outcome != Succeeded || err != nil {
		t.Fatalf("%s %s %s: %v", r.Outcome, r.Message, r.Output, err)
	}
	if owner := ownerOf(fi); owner != 0 {
		t.Logf("this file system cannot map owners: %s belongs to %d", fi.Name(), owner)
	}
	if r := run(t, func(s *Spec) { s.OutputLimit = 1000 }, behaving(t, "put", filepath.Join(product, "bin"))); r.Outcome != Failed {
		t.Errorf("an undeclared directory was writable: %s", r.Output)
	}
}

func TestAPlantedLinkIsNotMounted(t *testing.T) {
	dir := openDir(t)
	victim := filepath.Join(dir, "victim")
	if err := os.Mkdir(victim, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "product")); err != nil {
		t.Fatal(err)
	}
	x := newExecutor(t)
	s := specIn(t, dir)
	s.Write = []string{filepath.Join(dir, "product")}
	p, err := x.start(t.Context(), s, behaving(t, "put", filepath.Join(dir, "product", "evil")))
	if err == nil {
		p.Wait()
	}
	if _, err := os.Stat(filepath.Join(victim, "evil")); err == nil {
		t.Error("it wrote where its link led")
	}
}

func ExampleExecutor_Layers() {
	dir, err := os.MkdirTemp("", "lull-")
	if err != nil {
		return
	}
	defer os.RemoveAll(dir)
	x, err := New(Options{RunDir: dir})
	if err != nil {
		return
	}
	_, memory := x.Layers()
	fmt.Println(memory == "enforced" || memory == "weak" || memory == "none")
	// Output: true
}
