package runner_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/trust"
)

// offerSelf makes the scan leave a package in $LULL_STAGE_DIR/self: the
// updater's own of the given version, with members of its manifest replaced.
func (m *machine) offerSelf(version string, manifest map[string]any) {
	m.t.Helper()
	registered := m.pkg
	m.pkg = m.www("self")
	m.pack(version)
	m.repack(manifest)
	err := filepath.WalkDir(m.pkg, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(m.www(""), path)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.feed.Files[name] = m.server.URL + "/" + name
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.pkg = registered
}

// repack replaces members of the package's manifest and signs it again.
func (m *machine) repack(manifest map[string]any) {
	m.t.Helper()
	file := filepath.Join(m.pkg, "manifest.json")
	data, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	whole := map[string]any{}
	if err := json.Unmarshal(data, &whole); err != nil {
		m.t.Fatal(err)
	}
	for k, v := range manifest {
		whole[k] = v
	}
	m.json(file, whole)
	if _, err := trust.Pack(context.Background(), trust.PackOptions{Dir: m.pkg, KeyFile: m.key}); err != nil {
		m.t.Fatal(err)
	}
}

// tells waits for a record of the kind whose body holds all of the words.
func (m *machine) tells(kind string, words ...string) {
	m.t.Helper()
	eventually(m.t, 40*time.Second, func() (bool, string) {
		last := "the journal has no " + kind
		for _, rec := range m.records() {
			if rec.Kind != kind {
				continue
			}
			last = string(rec.Body)
			found := true
			for _, w := range words {
				found = found && strings.Contains(last, w)
			}
			if found {
				return true, ""
			}
		}
		return false, last
	})
}

func (m *machine) version(c *control.Client) string {
	s, err := c.Status(context.Background())
	if err != nil || len(s.Updaters) != 1 {
		return "unknown"
	}
	return s.Updaters[0].Version
}

func TestAnUpdaterReplacesItselfWithANewerPackageOfItsOwn(t *testing.T) {
	m := newMachine(t, nil)
	m.offerSelf("1.1.0", nil)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	m.tells("registered", `"version":"1.1.0"`, `"source":"self"`)
	if got := m.version(c); got != "1.1.0" {
		t.Errorf("version %s is in force, want 1.1.0", got)
	}
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
}

func TestAPackageThatAnUpdaterMayNotPutInItsPlaceIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		version  string
		manifest map[string]any
		words    []string
	}{
		"an older one":          {"0.9.0", nil, []string{`"code":"downgrade"`}},
		"one of another id":     {"1.1.0", map[string]any{"id": "com.example.other"}, []string{"may only replace itself"}},
		"one that wants more":   {"1.1.0", map[string]any{"sandbox": map[string]any{"write": []string{"/opt/other"}}}, []string{`"code":"out_of_scope"`}},
		"one that has run out":  {"1.1.0", map[string]any{"created": "2020-01-01T00:00:00Z", "expires": "2021-01-01T00:00:00Z"}, []string{`"code":"expired"`}},
		"one of another vendor": {"1.1.0", map[string]any{"vendor": "stranger"}, []string{`"code":"vendor_unknown"`}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, nil)
			m.offerSelf(c.version, c.manifest)
			client := m.start()
			if _, err := m.register(client); err != nil {
				t.Fatal(err)
			}
			m.tells("refused", append(c.words, `"stage":"self"`)...)
			if got := m.version(client); got != "1.0.0" {
				t.Errorf("version %s is in force, want 1.0.0", got)
			}
		})
	}
}

// Its keys, its server or its vendor's calendar may have moved on: a package
// that has run out does nothing any more but look for the one that replaces it.
func TestAnUpdaterThatHasRunOutMayStillFetchItsSuccessor(t *testing.T) {
	m := newMachine(t, nil)
	var ahead atomic.Int64
	m.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	ends := time.Now().Add(10 * time.Minute).UTC()
	m.repack(map[string]any{"created": "2026-01-01T00:00:00Z", "expires": ends.Format(time.RFC3339)})
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	m.tells("scanned", updaterID)
	m.offerSelf("1.1.0", nil)
	ahead.Store(int64(11 * time.Minute))
	if _, err := c.Do(context.Background(), "scan", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	m.tells("registered", `"version":"1.1.0"`, `"source":"self"`)
}
