package cli

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/execute"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden files in the scripts")

// TestMain lets the test binary be lull itself, its supervisor, and the
// sample updater.
func TestMain(m *testing.M) {
	execute.MaybeStage()
	if code, ok := sampleUpdater(os.Args[1:]); ok {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"lull": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/script/*.txtar: each is what a person types, and
// what they see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			// A socket's path has 108 bytes: the root has to be a short one.
			dir, err := os.MkdirTemp("", "lull")
			if err != nil {
				return err
			}
			e.Defer(func() { removeAll(dir) })
			if err := os.Chmod(dir, 0o755); err != nil {
				return err
			}
			e.Setenv("ROOT", dir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"wait-for": waitFor, "flip": flip, "status": status, "tuf-repository": tufRepository},
	})
}

// waitFor runs lull on the script's root until it ends with exit code 0, or
// the given one, and its output contains the given text:
//
//	wait-for [-code N] [-match TEXT] VERB…
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	want, match := 0, ""
	for len(args) > 1 && args[0][0] == '-' {
		switch args[0] {
		case "-code":
			want, _ = strconv.Atoi(args[1])
		case "-match":
			match = args[1]
		}
		args = args[2:]
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := ts.Exec("lull", append([]string{"--root", ts.Getenv("ROOT")}, args...)...)
		if exitOf(err) == want && strings.Contains(ts.ReadFile("stdout"), match) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("lull %v: after 20 s still %v, want exit %d and %q", args, err, want, match)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// exitOf is the exit code in an error of Exec.
func exitOf(err error) (code int) {
	if err != nil {
		code = -1
		fmt.Sscanf(err.Error(), "exit status %d", &code)
	}
	return code
}

// flip changes one byte in the middle of a file.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(flipByte(ts.MkAbs(args[0])))
}

// tufRepository serves testdata/tuf, a repository that trusts itself until 2099,
// and tells its address and its first root in $TUF and $TUF_ROOT.
func tufRepository(ts *testscript.TestScript, _ bool, _ []string) {
	dir, err := filepath.Abs("testdata/tuf")
	ts.Check(err)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	ts.Defer(server.Close)
	ts.Setenv("TUF", server.URL)
	ts.Setenv("TUF_ROOT", filepath.Join(dir, "1.root.json"))
}

// status runs lull and checks its exit code: "status 13 policy check".
func status(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("lull", args[1:]...)
	if fmt.Sprint(exitOf(err)) != args[0] {
		ts.Fatalf("lull %v: got %v, want exit status %s", args[1:], err, args[0])
	}
}

func TestTheDemoEndsWellAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("the demo takes some seconds; run without -short")
	}
	t.Setenv("TMPDIR", shortDir(t))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out := newBuffer(t)
	a := &app{in: os.Stdin, out: out, err: out, env: func(string) string { return "" }}
	if code := a.run(ctx, []string{"run", "--demo"}); code != exitDone {
		t.Fatalf("lull run --demo exits %d, want 0:\n%s", code, out)
	}
	out.contains("accepted", "waits", "in force after", "exactly", "refused", "digest_mismatch", "untrusted_signer", "chain verified")
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v), want nothing", left, err)
	}
}
