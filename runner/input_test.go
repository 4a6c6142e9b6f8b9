package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/control"
)

// inputSchema is the published schema as another validator than the engine's
// reads it.
var inputSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(runner.Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("input.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("input.json")
})

// onDocument checks each document that a machine's daemon assembles, in every
// test of this package.
func (m *machine) onDocument(doc map[string]any) {
	if m.spoil != nil {
		m.spoil(doc)
		return
	}
	if m.seen != nil {
		m.seen(doc)
	}
	if err := fitsSchema(doc); err != nil {
		text, _ := json.Marshal(doc)
		m.t.Errorf("the runner assembled %s\nwhich breaks the schema: %v", text, err)
	}
}

func fitsSchema(doc map[string]any) error {
	schema, err := inputSchema()
	if err != nil {
		return err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// sights counts what kinds of documents were seen.
type sights struct {
	mu sync.Mutex
	of map[string]int
}

func (s *sights) see(doc map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.of["kind "+doc["action"].(map[string]any)["kind"].(string)]++
	if told := doc["trust"].(map[string]any); told["verified"] == true {
		s.of["verified"]++
	} else if told["checked"] == true {
		s.of["failed"]++
	}
	if up, ok := doc["update"].(map[string]any); ok && up["deadline_in_seconds"] != nil {
		s.of["deadline"]++
	}
	if doc["control"].(map[string]any)["hold"] == true {
		s.of["hold"]++
	}
}

func (s *sights) lack(what ...string) (lacking string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range what {
		if s.of[w] == 0 {
			lacking += w + "; "
		}
	}
	return lacking
}

func TestEveryDocumentOfAnUpdatesLifeFitsTheSchema(t *testing.T) {
	m := newMachine(t, map[string]int{"scan": 300})
	m.feed.Updates[0]["deadline"], m.feed.Updates[0]["security"], m.feed.Updates[0]["restart"] = "2026-01-01T00:00:00Z", true, "app"
	m.write(filepath.Join(m.root, "etc/lull/vendors.d/example.yaml"),
		[]byte(strings.Replace(vendorFile, "    artifacts:", "    honor_deadlines: true\n    artifacts:", 1)), 0o644)
	var seen sights
	m.seen = seen.see
	c, ctx := m.start(), context.Background()
	do := func(verb string) {
		if _, err := c.Do(ctx, verb, updaterID, control.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(what ...string) {
		t.Helper()
		eventually(t, 30*time.Second, func() (bool, string) {
			lacking := seen.lack(what...)
			return lacking == "", "not seen: " + lacking
		})
	}
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	do("hold")
	sees("kind scan", "hold")
	do("unhold")
	sees("kind download", "kind install", "kind complete", "verified", "deadline")
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
	do("uninstall")
	sees("kind uninstall")
}

func TestADocumentAboutWhatTrustRefusedFitsTheSchema(t *testing.T) {
	m := newMachine(t, map[string]int{"scan": 300})
	var seen sights
	m.seen = seen.see
	c, ctx := m.start(), context.Background()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(ctx, "hold", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		_, ended := m.finished("scan")
		return ended || m.ran("scan begin") == 0, "a scan runs"
	})
	m.spoilStore("feed.url")
	if _, err := c.Do(ctx, "unhold", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(ctx, "scan", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	m.tells("refused", `"stage":"start"`)
	if lacking := seen.lack("failed"); lacking != "" {
		t.Error("not seen: " + lacking)
	}
}

// spoilStore changes a byte of each stored file of that name.
func (m *machine) spoilStore(name string) {
	m.t.Helper()
	spoilt := 0
	err := filepath.WalkDir(m.paths.State, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() != name {
			return err
		}
		data := m.read(path)
		data[len(data)-1] ^= 1
		if err := os.Chmod(path, 0o644); err != nil {
			return err
		}
		spoilt++
		return os.WriteFile(path, data, 0o644)
	})
	if err != nil || spoilt == 0 {
		m.t.Fatalf("spoilt %d files named %s: %v", spoilt, name, err)
	}
}

func TestADocumentThatBreaksTheSchemaStartsNothing(t *testing.T) {
	m := newMachine(t, nil)
	m.spoil = func(doc map[string]any) { doc["update"] = map[string]any{"version": 2} }
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	m.tells("decided", `"policy_error"`, `"final":true`, "input.update.version")
	if n := m.ran("scan begin"); n != 0 {
		t.Errorf("%d scans began", n)
	}
}

// The documents of preparing a restart, which runs, and of the restart itself, which
// lull leaves to people but which policies may be asked about.
func TestTheDocumentsOfARestartFitTheSchema(t *testing.T) {
	m := newMachine(t, nil)
	m.prereboot = true
	m.pack("1.0.0")
	m.feed.Updates[0]["restart"] = "system"
	m.write(filepath.Join(m.root, "etc/lull/vendors.d/example.yaml"), []byte(strings.NewReplacer(
		"[scan, download, install, complete, uninstall]", "[scan, download, install, prereboot, restart, complete, uninstall]", "[none, app]", "[none, app, system]").Replace(vendorFile)), 0o644)
	// The test's policy asks nothing of a restart; this one asks for its window.
	file := filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")
	m.write(file, bytes.Replace(m.read(file), []byte("in_window: false"), []byte("in_window: true"), 1), 0o644)
	m.write(filepath.Join(m.root, "etc/lull/policies/thresholds/data.yaml"), []byte("restart_weekdays: {Monday: false, Tuesday: false, Wednesday: false, Thursday: false, Friday: false, Saturday: false, Sunday: false}\n"), 0o644)
	var seen sights
	m.seen = seen.see
	c, ctx := m.start(), context.Background()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, func() (bool, string) {
		p := m.phase()
		return p == "awaits_restart", p + "; not seen: " + seen.lack("kind install", "kind prereboot")
	})
	if lacking := seen.lack("kind prereboot"); lacking != "" {
		t.Errorf("not seen: %s", lacking)
	}
	d := m.daemon.Ask(ctx, updaterID, updateID, "restart")
	if lacking := seen.lack("kind restart"); lacking != "" {
		t.Errorf("not seen: %s", lacking)
	}
	if d.Error != "" || len(d.WaitsFor) != 1 || d.WaitsFor[0] != "in_window" {
		t.Errorf("got %+v, want a wait for in_window alone", d)
	}
}
