package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/journal"
)

// daemonMain is the daemon as a process of its own, to be killed.
func daemonMain(root string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r, err := runner.New(ctx, runner.Options{
		Paths: config.ResolvePaths(root), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Ready: func() { fmt.Println("ready") },
	})
	if err == nil {
		err = r.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		return 1
	}
	return 0
}

// spawn starts a daemon process on the machine's root and waits until it
// answers.
func (m *machine) spawn() *exec.Cmd {
	m.t.Helper()
	cmd := exec.Command(os.Args[0], "daemon", m.root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(m.root), "daemon.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	buf := make([]byte, 6)
	if _, err := out.Read(buf); err != nil || !strings.HasPrefix(string(buf), "ready") {
		m.t.Fatalf("the daemon did not start: %q, %v\n%s", buf, err, m.daemonLog())
	}
	return cmd
}

func (m *machine) daemonLog() string {
	data, _ := os.ReadFile(filepath.Join(filepath.Dir(m.root), "daemon.log"))
	return string(data)
}

// records reads the journal as anybody could, without the daemon.
func (m *machine) records() (list []journal.Record) {
	for rec, err := range journal.Read(m.paths.State, 0) {
		if err != nil {
			return list // a line that is being written
		}
		list = append(list, rec)
	}
	return list
}

// reached reports whether the journal has a record of the kind for the action.
func (m *machine) reached(kind, action string) bool {
	for _, rec := range m.records() {
		var b struct{ Action string }
		json.Unmarshal(rec.Body, &b)
		if rec.Kind == kind && b.Action == action {
			return true
		}
	}
	return false
}

// diary returns what the updater's own diary says really ran.
func (m *machine) diary() []string {
	data, _ := os.ReadFile(filepath.Join(m.paths.State, "updaters", updaterID, "state", "diary"))
	return strings.FieldsFunc(strings.TrimSpace(string(data)), func(r rune) bool { return r == '\n' })
}

func (m *machine) ran(what string) (n int) {
	for _, line := range m.diary() {
		if strings.HasPrefix(line, what) {
			n++
		}
	}
	return n
}

// TestKillNineInEachStateLosesNothingAndRepeatsNothing kills the daemon right
// after each record of an update's way, starts it again, and looks: every
// record that was there is still there, the non-idempotent install began at
// most once, and the update is either installed for real or says that a
// person must look.
func TestKillNineInEachStateLosesNothingAndRepeatsNothing(t *testing.T) {
	for _, at := range []struct{ kind, action string }{
		{"registered", ""}, {"started", "scan"}, {"finished", "scan"}, {"scanned", ""},
		{"started", "download"}, {"finished", "download"}, {"verified", "admit"},
		{"started", "install"}, {"finished", "install"}, {"started", "complete"}, {"finished", "complete"},
	} {
		t.Run(at.kind+" "+at.action, func(t *testing.T) {
			m := newMachine(t, map[string]int{"scan": 100, "download": 100, "install": 300, "complete": 100})
			first := m.spawn()
			m.dropin()
			eventually(t, 30*time.Second, func() (bool, string) { return m.reached(at.kind, at.action), m.daemonLog() })
			before := m.records()
			first.Process.Kill()
			first.Wait()
			m.spawn()
			var last string
			eventually(t, 40*time.Second, func() (bool, string) {
				last = m.phase()
				return last == "installed" || last == "needs_attention", last + "\n" + m.daemonLog()
			})
			m.keeps(before)
			if n := m.ran("install begin"); n > 1 {
				t.Errorf("the install, which must not run twice, began %d times: %q", n, m.diary())
			}
			data, err := os.ReadFile(filepath.Join(m.target, "reader"))
			if last == "installed" && (err != nil || string(data) != string(m.bytes)) {
				t.Errorf("shown as installed, but the file holds %q, %v", data, err)
			}
			if last == "needs_attention" && m.ran("install begin") == 0 {
				t.Errorf("needs attention although the install never began: %q", m.diary())
			}
		})
	}
}

// keeps checks that every record seen before the kill is still there,
// unchanged and in its place.
func (m *machine) keeps(before []journal.Record) {
	m.t.Helper()
	after := m.records()
	for i, rec := range before {
		if i >= len(after) || after[i].Seq != rec.Seq || after[i].Kind != rec.Kind || string(after[i].Body) != string(rec.Body) {
			m.t.Fatalf("record %d (%s) was acknowledged and is lost", rec.Seq, rec.Kind)
		}
	}
	if rep, err := journal.Verify(m.paths.State); err != nil {
		m.t.Errorf("the journal does not verify: %v %+v", err, rep)
	}
}

// dropin puts the package where a vendor's system package would.
func (m *machine) dropin() {
	m.t.Helper()
	dir := filepath.Join(m.root, "usr/lib/lull/updaters")
	mkdir(m.t, dir)
	if err := os.CopyFS(filepath.Join(dir, ".new"), os.DirFS(m.pkg)); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, updaterID)); err != nil {
		m.t.Fatal(err)
	}
}
