package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/trust"
)

// machine is a throwaway root with one vendor, whose updater is this test
// binary, and a loopback server that offers one update.
type machine struct {
	t      testing.TB
	root   string
	paths  config.Paths
	server *httptest.Server
	mu     sync.Mutex
	feed   feed
	key    string // the vendor's private key
	pub    string
	target string // what the updater may write
	pkg    string // its package directory, outside the root
	bytes  []byte // the artifact
	roots  []trust.Refresher
	now    func() time.Time     // nil: time.Now
	host   string               // root of the machine whose facts count; "": this one's
	spoil  func(map[string]any) // what happens to each input document; nil: it has to fit the schema
	seen   func(map[string]any) // sees each input document; may be nil

	prereboot bool // the package can prepare a restart

	changed func(config.Config) // sees each configuration that comes into force; may be nil
	daemon  *runner.Runner      // since start
	stop    func()              // ends the daemon of the last start
}

const (
	updaterID = "com.example.reader"
	updateID  = "reader-2"
)

func newMachine(t testing.TB, slow map[string]int) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &machine{t: t, root: filepath.Join(dir, "root"), bytes: []byte("reader two point oh\n")}
	m.paths = config.ResolvePaths(m.root)
	m.target = filepath.Join(m.root, "opt", "reader")
	m.pkg = filepath.Join(dir, "pkg")
	mkdir(t, m.target, m.pkg)
	m.serve(slow)
	m.vendor()
	m.pack("1.0.0")
	m.policy()
	return m
}

func mkdir(t testing.TB, dirs ...string) {
	t.Helper()
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *machine) serve(slow map[string]int) {
	mux := http.NewServeMux()
	m.server = httptest.NewServer(mux)
	m.t.Cleanup(m.server.Close)
	m.feed = feed{
		Updates: []map[string]any{{"id": updateID, "title": "Reader 2", "version": "2.0.0", "document": "reader-2.json", "size_bytes": len(m.bytes)}},
		Files: map[string]string{
			"reader-2.json": m.server.URL + "/reader-2.json", "reader-2.json.sigstore.json": m.server.URL + "/reader-2.json.sigstore.json",
		},
		Payload: m.server.URL + "/reader.bin", SlowMS: slow,
	}
	dir := filepath.Join(filepath.Dir(m.root), "www")
	mkdir(m.t, dir)
	mux.HandleFunc("/feed.json", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		json.NewEncoder(w).Encode(m.feed)
	})
	mux.Handle("/", http.FileServer(http.Dir(dir)))
}

// vendor makes a key and the vendor file that admits it.
func (m *machine) vendor() {
	m.t.Helper()
	var err error
	m.key, m.pub, err = trust.GenerateKey(filepath.Dir(m.root), "example", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	pub, err := os.ReadFile(m.pub)
	if err != nil {
		m.t.Fatal(err)
	}
	dir := filepath.Join(m.root, "etc/lull/vendors.d")
	m.write(filepath.Join(dir, "example.pub"), pub, 0o644)
	m.write(filepath.Join(dir, "example.yaml"), []byte(vendorFile), 0o644)
}

const vendorFile = `apiVersion: lull/v1
vendor: example
enabled: true
keys: [{id: "2026", pem_file: example.pub}]
scopes:
  - updaters: ["com.example.*"]
    actions: [scan, download, install, complete, uninstall]
    components: [user_mode_app]
    write: ["/opt/reader"]
    restart: [none, app]
    artifacts: statement
expires: 2099-12-31T00:00:00Z
`

// pack builds and signs the package, and the update document with its
// artifact that the server offers.
func (m *machine) pack(version string) {
	m.t.Helper()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		m.t.Fatal(err)
	}
	os.RemoveAll(m.pkg)
	m.write(filepath.Join(m.pkg, "bin", "reader-updater"), self, 0o755)
	m.write(filepath.Join(m.pkg, "feed.url"), []byte(m.server.URL), 0o644)
	m.write(filepath.Join(m.pkg, "target.dir"), []byte(m.target), 0o644)
	m.json(filepath.Join(m.pkg, "slow.json"), m.feed)
	argv := func(action string) []string { return []string{"bin/reader-updater", "updater", action} }
	actions := map[string]any{
		"download":  map[string]any{"exec": argv("download"), "requires_network": true, "pausable": true},
		"install":   map[string]any{"exec": argv("install"), "pausable": true, "exclusive": true},
		"complete":  map[string]any{"exec": argv("complete")},
		"uninstall": map[string]any{"exec": argv("uninstall")},
	}
	if m.prereboot {
		actions["prereboot"] = map[string]any{"exec": argv("prereboot")}
	}
	m.json(filepath.Join(m.pkg, "manifest.json"), map[string]any{
		"apiVersion": "lull/v1", "kind": "Updater", "id": updaterID, "vendor": "example", "version": version,
		"display_name": "Example Reader", "component": "user_mode_app", "platform": runtime.GOOS + "/" + runtime.GOARCH,
		"scan":    map[string]any{"exec": argv("scan"), "requires_network": true, "max_seconds": 60},
		"actions": actions,
		"sandbox": map[string]any{"write": []string{"/opt/reader"}, "network": []string{"scan", "download"}},
		"retry":   map[string]any{"max_attempts": 3, "initial_seconds": 1, "max_seconds": 2},
	})
	if _, err := trust.Pack(context.Background(), trust.PackOptions{Dir: m.pkg, KeyFile: m.key}); err != nil {
		m.t.Fatal(err)
	}
	m.document("2.0.0", m.bytes)
}

// document signs what the update brings.
func (m *machine) document(version string, artifact []byte) {
	m.t.Helper()
	m.write(m.www("reader.bin"), artifact, 0o644)
	m.json(m.www("reader-2.json"), map[string]any{
		"apiVersion": "lull/v1", "kind": "Update", "updater": updaterID, "id": updateID, "version": version,
		"platform": runtime.GOOS + "/" + runtime.GOARCH, "created": "2026-01-01T00:00:00Z", "expires": "2099-01-01T00:00:00Z",
		"artifacts": []map[string]any{{"name": "reader.bin", "size": len(artifact), "sha256": sha256Hex(artifact)}},
	})
	if err := trust.Sign(context.Background(), m.www("reader-2.json"), m.key, nil); err != nil {
		m.t.Fatal(err)
	}
}

// phase asks the daemon where the update is.
func (m *machine) phase() string {
	s, err := control.NewClient(m.paths.Socket).Status(context.Background())
	if err != nil {
		return err.Error()
	}
	for _, u := range s.Updaters {
		for _, up := range u.Updates {
			if up.ID == updateID {
				return string(up.State)
			}
		}
	}
	return fmt.Sprintf("not found: %+v", s.Updaters)
}

func (m *machine) www(name string) string { return filepath.Join(filepath.Dir(m.root), "www", name) }

func (m *machine) write(file string, data []byte, mode os.FileMode) {
	m.t.Helper()
	mkdir(m.t, filepath.Dir(file))
	if err := os.WriteFile(file, data, mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) json(file string, v any) {
	m.t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(file, data, 0o644)
}

// policy drops the shipped conditions that depend on the machine the test
// runs on; what is left is what lull itself must get right.
func (m *machine) policy() {
	m.t.Helper()
	eng, err := runner.OfflineEngine(context.Background(), config.Paths{}, nil, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	dropped := map[string][]string{}
	for _, c := range eng.Generation().Conditions() {
		for _, kind := range c.RequiredFor {
			if kind != "any" {
				dropped[kind] = append(dropped[kind], c.Name+": false")
			}
		}
	}
	var b strings.Builder
	b.WriteString("wait_unless:\n")
	for kind, list := range dropped {
		b.WriteString("  " + kind + ": {" + strings.Join(list, ", ") + "}\n")
	}
	m.write(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml"), []byte(b.String()), 0o644)
}

// require takes a shipped condition back into the policy of a kind.
func (m *machine) require(kind, condition string) {
	m.t.Helper()
	file := filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "  "+kind+": {") {
			lines[i] = strings.Replace(line, condition+": false", condition+": true", 1)
		}
	}
	m.write(file, []byte(strings.Join(lines, "\n")), 0o644)
}

func testLogger(t testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// start runs the daemon inside the test until it ends, or until stop.
func (m *machine) start() *control.Client {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	r, err := runner.New(ctx, runner.Options{Paths: m.paths, Logger: testLogger(m.t), Roots: m.roots, Now: m.now, Machine: m.host, Changed: m.changed, Ready: func() { close(ready) }})
	if err != nil {
		cancel()
		m.t.Fatal(err)
	}
	r.OnDocument(m.onDocument)
	m.daemon = r
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				m.t.Error("daemon:", err)
			}
		case <-time.After(20 * time.Second):
			m.t.Error("the daemon did not stop")
		}
	})
	m.t.Cleanup(m.stop)
	<-ready
	return control.NewClient(m.paths.Socket)
}

// eventually polls until ok, or fails with what was seen last.
func eventually(t testing.TB, within time.Duration, ok func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		good, last := ok()
		if good {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v still: %s", within, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *machine) read(file string) []byte {
	m.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	return data
}

// policyDigest asks the daemon which policies decide.
func policyDigest(t *testing.T, c *control.Client) string {
	t.Helper()
	s, err := c.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s.Policy.Digest
}
