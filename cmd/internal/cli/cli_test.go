package cli

import (
	"context"
	"crypto/sha256"
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
	if code, ok := dialer(); ok {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"lull": func() { os.Exit(Main()) }})
}

// dialer is set where the tests take the network away.
var dialer = func() (code int, ok bool) { return 0, false }

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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"wait-for": waitFor, "flip": flip, "status": status, "tuf-repository": tufRepository, "refused": refused, "edit": editFile, "settled": settled, "digest-of": digestOf},
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

// refused registers a package that must be refused: as not trusted, with each of
// the given texts and a hint that says what to do, and with nothing left in the
// store. It tries again for a while, as the daemon may not yet have seen what
// the script changed:
//
//	refused PACKAGE TEXT…
func refused(ts *testscript.TestScript, _ bool, args []string) {
	root := ts.Getenv("ROOT")
	before := storeEntries(root)
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := ts.Exec("lull", "--root", root, "register", args[0])
		lacking := ""
		for _, want := range append([]string{"lull: error: ", "lull: hint: "}, args[1:]...) {
			if !strings.Contains(ts.ReadFile("stderr"), want) {
				lacking = want
			}
		}
		if exitOf(err) == exitDenied && lacking == "" {
			break
		}
		if err == nil || time.Now().After(deadline) {
			ts.Fatalf("register %s: %v, want exit status 11 and %q", args[0], err, lacking)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if after := storeEntries(root); after != before {
		ts.Fatalf("register %s was refused, but the store changed:\n%s\nbefore:\n%s", args[0], after, before)
	}
}

// storeEntries lists what the store holds, half-written things included.
func storeEntries(root string) string {
	var b strings.Builder
	for _, kind := range []string{"packages", "updates", "artifacts", "tmp"} {
		entries, _ := os.ReadDir(filepath.Join(root, "var/lib/lull/store", kind))
		for _, e := range entries {
			fmt.Fprintln(&b, kind, e.Name())
		}
	}
	return b.String()
}

// editFile replaces a text in a file: "edit FILE OLD NEW".
func editFile(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q:\n%s", args[0], args[1], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// digestOf puts the SHA-256 of a file into $DIGEST.
func digestOf(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("DIGEST", fmt.Sprintf("%x", sha256.Sum256([]byte(ts.ReadFile(args[0])))))
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
