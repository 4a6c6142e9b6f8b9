package execute

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExitStatusesAreToldHonestly(t *testing.T) {
	for arg, want := range map[string]Outcome{"0": Succeeded, "75": TryLater, "1": Failed, "3": Failed} {
		if r := run(t, nil, behaving(t, "exit", arg)); r.Outcome != want {
			t.Errorf("exit %s: got %s (%s), want %s", arg, r.Outcome, r.Message, want)
		}
	}
}

func TestTheEnvironmentIsOnlyWhatTheContractSays(t *testing.T) {
	t.Setenv("LULL_TEST_SECRET", "of the caller")
	dir := ""
	r := run(t, func(s *Spec) {
		s.OutputLimit, s.Env, dir = 1<<20, []string{"https_proxy=http://proxy:1"}, s.StateDir
	}, behaving(t, "env"))
	got := strings.Fields(string(r.Output))
	var names []string
	for _, kv := range got {
		k, _, _ := strings.Cut(kv, "=")
		names = append(names, k)
	}
	slices.Sort(names)
	want := []string{"HOME", "LANG", "LULL_ACTION", "LULL_ATTEMPT", "LULL_FD", "LULL_PACKAGE_DIR", "LULL_STAGE_DIR", "LULL_STATE_DIR", "LULL_UPDATE", "PATH", "TMPDIR", "cwd", "https_proxy"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	for _, kv := range []string{"LULL_ACTION=install", "LULL_UPDATE=reader-1", "LULL_ATTEMPT=1", "LULL_STATE_DIR=" + dir, "cwd=" + updaterDir(t), "LANG=C.UTF-8"} {
		if !slices.Contains(got, kv) {
			t.Errorf("%s is not there: %q", kv, got)
		}
	}
}

func TestWhatTheProgramSaysIsHeldAgainstHowItEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want Outcome
		says string
	}{
		{"a result with its message", []string{"0", `{"result":"succeeded","message":"all done","restart":"app"}`}, Succeeded, "all done"},
		{"once more", []string{"0", `{"progress":{"current":1,"total":2}}`, `{"result":"continue"}`}, Continue, ""},
		{"two results", []string{"0", `{"result":"succeeded"}`, `{"result":"failed"}`}, Failed, "2 results"},
		{"success and exit 1", []string{"1", `{"result":"succeeded"}`}, Failed, "exit status 1"},
		{"rubbish", []string{"0", `rubbish`}, Failed, "JSON"},
		{"a line of 65 KiB", []string{"0", `{"message":"` + strings.Repeat("x", 65<<10) + `"}`}, Failed, "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, nil, behaving(t, "say", c.args...))
			if r.Outcome != c.want || !strings.Contains(r.Message, c.says) {
				t.Errorf("got %s %q, want %s %q", r.Outcome, r.Message, c.want, c.says)
			}
		})
	}
}

func TestTooManyLinesFailAndNeverHang(t *testing.T) {
	r := run(t, nil, behaving(t, "spam", "100000", `{"progress":{"current":1}}`))
	if r.Outcome != Failed || !strings.Contains(r.Message, "lines a second") {
		t.Errorf("got %s %q", r.Outcome, r.Message)
	}
}

func TestOutputIsKeptUpToItsLimitAndOneByteMoreFails(t *testing.T) {
	limit := func(s *Spec) { s.OutputLimit = 1000 }
	if r := run(t, limit, behaving(t, "print", "1000")); r.Outcome != Succeeded || len(r.Output) != 1000 {
		t.Errorf("at the limit: %s %q, %d bytes", r.Outcome, r.Message, len(r.Output))
	}
	if r := run(t, limit, behaving(t, "print", "1001")); r.Outcome != Failed || !strings.Contains(r.Message, "more than the 1000 bytes") {
		t.Errorf("beyond it: %s %q", r.Outcome, r.Message)
	}
	if r := run(t, limit, behaving(t, "print", "50000000")); r.Outcome != Failed {
		t.Errorf("far beyond it: %s %q", r.Outcome, r.Message)
	}
}

func TestTheLogIsCutAndTheProgramGoesOn(t *testing.T) {
	file := ""
	r := run(t, func(s *Spec) { s.LogLimit, file = 100, s.LogFile }, behaving(t, "print", "100000"))
	b, err := os.ReadFile(file)
	if err != nil || r.Outcome != Succeeded || !r.LogCut || len(b) > 200 || !strings.Contains(string(b), "cut here") {
		t.Errorf("%s, cut %v, log of %d bytes, %v", r.Outcome, r.LogCut, len(b), err)
	}
}

func TestATimeOutIsAFailureThatSaysSo(t *testing.T) {
	r := run(t, func(s *Spec) { s.MaxSeconds = 1 }, behaving(t, "sleep"))
	if r.Outcome != Failed || !r.TimedOut || r.WallSeconds > 10 {
		t.Errorf("got %+v", r)
	}
}

func TestKillEndsAProgramAndSaysCanceled(t *testing.T) {
	x := newExecutor(t)
	p := begun(t, x, specIn(t, openDir(t)), behaving(t, "sleep"))
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if r := p.Wait(); r.Outcome != Canceled || !r.Canceled {
		t.Errorf("got %+v", r)
	}
	if err := p.Freeze(); err == nil {
		t.Error("a program that has ended was frozen")
	}
}

func TestNothingStartsThatIsNoLongerValid(t *testing.T) {
	x, dir := newExecutor(t), openDir(t)
	gone := errors.New("revoked meanwhile")
	f := behaving(t, "exit", "0")
	f.valid = gone
	s := specIn(t, dir)
	if _, err := x.start(t.Context(), s, f); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	s.Require = []string{"moat"}
	if _, err := x.start(t.Context(), s, behaving(t, "exit", "0")); err == nil || !strings.Contains(err.Error(), "moat") {
		t.Errorf("a missing layer: %v", err)
	}
	if _, _, state, _ := x.Adopt(s.ID); state == Ended || state == Running {
		t.Errorf("after a refused start: %s", state)
	}
	if _, err := x.Start(t.Context(), s); err == nil {
		t.Error("a spec without a program was started")
	}
}

func TestACancelReachesAFrozenProgram(t *testing.T) {
	x := newExecutor(t)
	s := specIn(t, openDir(t))
	s.OutputLimit = 1 << 16
	p := begun(t, x, s, behaving(t, "echo"))
	if e := <-p.Events(); e.Current != 1 || e.Total != 2 {
		t.Errorf("progress %+v", e)
	}
	if err := p.Pause("user_returned"); err != nil {
		t.Fatal(err)
	}
	if err := p.Freeze(); err != nil {
		t.Skipf("cannot freeze here: %v", err)
	}
	if err := p.Cancel("deadline", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	r := p.Wait()
	want := `{"pause":"user_returned"}` + "\n" + `{"cancel":"deadline","within_seconds":10}` + "\n"
	if r.Outcome != Canceled || r.Message != "as asked" || string(r.Output) != want {
		t.Errorf("got %s %q %q\nwant %q", r.Outcome, r.Message, r.Output, want)
	}
}
