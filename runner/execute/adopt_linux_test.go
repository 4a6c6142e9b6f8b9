package execute

import (
	"bufio"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// daemon starts an attempt of "mark" as the real daemon would, in a process of its
// own, says what it has reached, and waits to be killed.
func daemon(args []string) int {
	x, err := New(Options{RunDir: args[0], Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 1
	}
	s := Spec{
		ID: args[1], Action: "install", Updater: "com.example.reader", Attempt: 1, StateDir: args[2], StageDir: args[2] + ".stage",
		Idempotent: args[3] == "idempotent", MaxSeconds: 60,
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 1
	}
	f := fake{dir: filepath.Dir(exe), path: exe, args: []string{"behave", "mark", args[4]}}
	println("starting")
	p, err := x.start(tContext{}, s, f)
	if err != nil {
		println("failed", err.Error())
		return 1
	}
	if len(args) > 5 {
		_ = p.Freeze()
	}
	println("started")
	time.Sleep(time.Hour)
	return 0
}

// attempt is a daemon to be killed.
type killable struct {
	x     *Executor
	id    string
	state string
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startDaemon(t *testing.T, id, kind, takes string, more ...string) *killable {
	t.Helper()
	dir := openDir(t)
	run := filepath.Join(dir, "attempts")
	k := &killable{id: id, state: filepath.Join(dir, "state")}
	var err error
	if k.x, err = New(Options{RunDir: run}); err != nil {
		t.Fatal(err)
	}
	k.cmd = exec.Command(filepath.Join(updaterDir(t), "updater"), append([]string{"daemon", run, id, k.state, kind, takes}, more...)...)
	out, err := k.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.kill() })
	k.lines = bufio.NewScanner(out)
	return k
}

func (k *killable) reached(t *testing.T, what string) {
	t.Helper()
	for k.lines.Scan() {
		if k.lines.Text() == what {
			return
		}
		t.Log(k.lines.Text())
	}
	t.Fatalf("the daemon did not reach %q", what)
}

func (k *killable) kill() {
	_ = k.cmd.Process.Signal(syscall.SIGKILL)
	_ = k.cmd.Wait()
}

// ran counts how often the program really ran.
func (k *killable) ran() int {
	b, _ := os.ReadFile(filepath.Join(k.state, "ran"))
	return len(b)
}

func TestWorkThatCannotBeRepeatedSurvivesTheDaemonAndIsAdopted(t *testing.T) {
	for _, frozen := range [][]string{nil, {"frozen"}} {
		k := startDaemon(t, "survivor", "once", "700ms", frozen...)
		k.reached(t, "started")
		k.kill()
		p, r, state, err := k.x.Adopt(k.id)
		if err != nil {
			t.Fatal(err)
		}
		if state == Running {
			// A daemon that is back at once may find it frozen still.
			if err := p.Thaw(); err != nil {
				t.Error(err)
			}
			got := p.Wait()
			r = &got
		}
		if r == nil || r.Outcome != Succeeded || k.ran() != 1 {
			t.Errorf("frozen %v: %s, result %+v, ran %d times", frozen, state, r, k.ran())
		}
		// The supervisor holds its lock for a moment after it has told the end.
		for range 100 {
			if _, r, state, _ = k.x.Adopt(k.id); state != Running {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if state != Ended || r.Outcome != Succeeded {
			t.Errorf("asked again: %s", state)
		}
		k.x.Forget(k.id)
		if _, _, state, _ := k.x.Adopt(k.id); state == Ended || state == Running {
			t.Errorf("forgotten: %s", state)
		}
	}
}

func TestAnAdoptedProcessObeys(t *testing.T) {
	k := startDaemon(t, "obedient", "once", "1h")
	k.reached(t, "started")
	k.kill()
	p, _, state, err := k.x.Adopt(k.id)
	if state != Running {
		t.Fatalf("%s, %v", state, err)
	}
	if err := p.Freeze(); err != nil {
		t.Error(err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if r := p.Wait(); r.Outcome != Canceled {
		t.Errorf("got %+v", r)
	}
}

func TestWorkThatCanBeRepeatedEndsWithTheDaemon(t *testing.T) {
	k := startDaemon(t, "mortal", "idempotent", "1h")
	k.reached(t, "started")
	k.kill()
	k.x.waitForLock(k.x.dir(k.id)) // a daemon that is back at once would find it running
	_, r, state, err := k.x.Adopt(k.id)
	if state != Ended || r.Outcome != Canceled {
		t.Errorf("%s %+v %v", state, r, err)
	}
}

func TestADeadSupervisorMeansThatItMayHaveRun(t *testing.T) {
	k := startDaemon(t, "headless", "once", "1h")
	k.reached(t, "started")
	k.kill()
	for _, p := range processes() { // by its attempt's name and directory, never by a broad pattern
		b, _ := os.ReadFile("/proc/" + itoa(p.pid) + "/cmdline")
		if strings.HasPrefix(string(b), "lull\x00__stage\x00supervise\x00headless") {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
	_, _, state, err := k.x.Adopt(k.id)
	if state != MayHaveRun {
		t.Errorf("%s %v", state, err)
	}
}

// TestAKilledDaemonsAttemptIsNeverMisjudged kills it at any moment of a start: what
// never began has left no trace, and what ran ran once.
func TestAKilledDaemonsAttemptIsNeverMisjudged(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	seen := map[AdoptState]int{}
	for i := range rounds {
		k := startDaemon(t, "round", "once", "20ms")
		k.reached(t, "starting")
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		k.kill()
		p, r, state, err := k.x.Adopt(k.id)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if state == Running {
			got := p.Wait()
			r = &got
		}
		seen[state]++
		switch {
		case state == NeverBegan:
			time.Sleep(30 * time.Millisecond)
			if n := k.ran(); n != 0 {
				t.Errorf("round %d: said to have never begun, but it ran %d times", i, n)
			}
		case r != nil && r.Outcome == Succeeded:
			if n := k.ran(); n != 1 {
				t.Errorf("round %d: succeeded after running %d times", i, n)
			}
		case state == MayHaveRun && isVolatile(k.x.opts.RunDir):
		default:
			t.Errorf("round %d: %s, %+v", i, state, r)
		}
	}
	t.Logf("%d rounds: %v", rounds, seen)
}
