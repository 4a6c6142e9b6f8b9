package runner_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/control"
)

// An edit of config.yaml comes into force while the daemon runs, however it is
// saved; one with a mistake is refused with its line, and the one before stays.
func TestAnEditOfTheConfigurationComesIntoForce(t *testing.T) {
	m := newMachine(t, nil)
	var mu sync.Mutex
	var languages []string
	m.changed = func(c config.Config) {
		mu.Lock()
		defer mu.Unlock()
		languages = append(languages, c.Language)
	}
	inForce := func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(languages, " ")
	}
	c := m.start()
	problems := func() control.Config {
		s, err := c.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s.Config
	}
	file := filepath.Join(m.root, "etc/lull/config.yaml")

	m.write(file, []byte("language: de_DE.UTF-8\n"), 0o644)
	eventually(t, 30*time.Second, func() (bool, string) { return inForce() == "de_DE.UTF-8", inForce() })

	m.write(file, []byte("# mine\nlanguag: fr_FR.UTF-8\n"), 0o644)
	eventually(t, 30*time.Second, func() (bool, string) { p := problems(); return len(p.Problems) == 1, fmt.Sprintf("%+v", p) })
	if p := problems(); !strings.Contains(p.Problems[0], file+":2: ") || !strings.Contains(p.Problems[0], "did you mean language") || p.Since == nil {
		t.Errorf("got %+v, want file, line, the nearest key and since when", p)
	}
	if got := inForce(); got != "de_DE.UTF-8" {
		t.Errorf("after a broken edit %q came into force", got)
	}

	// Repaired as editors do it: a new file renamed over the old one.
	m.write(file+".new", []byte("language: fr_FR.UTF-8\n"), 0o644)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { return inForce() == "de_DE.UTF-8 fr_FR.UTF-8", inForce() })
	if p := problems(); p.Problems != nil || p.Since != nil {
		t.Errorf("after the repair: got %+v, want no problem", p)
	}

	// As Kubernetes does it: the file is a link through a link that is swapped.
	for i, language := range []string{"it_IT.UTF-8", "es_ES.UTF-8"} {
		dir := filepath.Join(m.root, "etc/lull", fmt.Sprintf("..version%d", i))
		mkdir(t, dir)
		m.write(filepath.Join(dir, "config.yaml"), []byte("language: "+language+"\n"), 0o644)
		link(t, filepath.Base(dir), filepath.Join(m.root, "etc/lull/..data"))
		if i == 0 {
			link(t, "..data/config.yaml", file)
		}
		eventually(t, 30*time.Second, func() (bool, string) { return strings.HasSuffix(inForce(), language), inForce() })
	}

	// A touch that changes nothing changes nothing; taking the file away does.
	before := inForce()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { return inForce() == before+" ", inForce() })
}

// link puts a symbolic link in the place of whatever is there, at once.
func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at+".tmp"); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := os.Rename(at+".tmp", at); err != nil {
		t.Fatal(err)
	}
}

// Between the flips that the engine foretells, a daemon to which nothing happens
// evaluates no policy: neither a decision nor a look at the facts.
func TestNothingIsEvaluatedBetweenFlipsWithoutAnEvent(t *testing.T) {
	m := newMachine(t, nil)
	due := time.Now().Add(time.Hour)
	m.write(filepath.Join(m.root, "etc/lull/policies/later.rego"), fmt.Appendf(nil, `package eligibility

# METADATA
# title: It is late enough
# custom: {clears_by: time, remedy: Wait.}
met contains "late_enough" if input.clock.unix_seconds >= %d
`, due.Unix()), 0o644)
	m.write(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml"),
		append(m.read(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")), "  any: {late_enough: true}\n"...), 0o644)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	waits := func() (bool, string) {
		s, err := c.Status(context.Background())
		if err != nil || len(s.Updaters) != 1 || s.Updaters[0].Current == nil {
			return false, fmt.Sprint(err)
		}
		cur := s.Updaters[0].Current
		return fmt.Sprint(cur.WaitsFor) == "[late_enough]" && cur.Check != nil && time.Until(*cur.Check) > 50*time.Minute, fmt.Sprintf("%+v", cur)
	}
	eventually(t, 20*time.Second, waits)
	before, since := m.daemon.Evaluations(), time.Now()
	eventually(t, time.Minute, func() (bool, string) { // what registering started comes to its end
		if n := m.daemon.Evaluations(); n != before {
			before, since = n, time.Now()
		}
		return time.Since(since) > 3*time.Second, "evaluations without an end"
	})
	time.Sleep(5 * time.Second)
	if after := m.daemon.Evaluations(); after != before {
		t.Errorf("%d evaluations in five seconds in which nothing happened", after-before)
	}
	if ok, what := waits(); !ok { // it asks, so that the count is known to count
		t.Error(what)
	}
	if m.daemon.Evaluations() == before {
		t.Error("a question to the daemon was not counted: the test shows nothing")
	}
	// What time alone does is part of the answer to why; the end of a hold is its doing.
	w, err := c.Why(context.Background(), updaterID, "")
	if err != nil || w.Earliest == nil || w.Earliest.Sub(due).Abs() > 2*time.Second {
		t.Errorf("got earliest %v, %v, want %v", w.Earliest, err, due)
	}
	for until, want := range map[time.Time]time.Time{time.Now().Add(10 * time.Minute): due, due.Add(time.Hour): due.Add(time.Hour)} {
		if _, err := c.Do(context.Background(), "hold", updaterID, control.Request{Until: &until}); err != nil {
			t.Fatal(err)
		}
		if w, err = c.Why(context.Background(), updaterID, ""); err != nil || w.Earliest == nil || w.Earliest.Sub(want).Abs() > 2*time.Second {
			t.Errorf("held until %v: got earliest %v, %v, want %v", until, w.Earliest, err, want)
		}
	}
	if _, err := c.Do(context.Background(), "hold", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	if w, err = c.Why(context.Background(), updaterID, ""); err != nil || w.Earliest != nil || fmt.Sprint(w.NotByTime) != "[not_held]" {
		t.Errorf("held for good: got earliest %v, not by time %v, %v", w.Earliest, w.NotByTime, err)
	}
}
