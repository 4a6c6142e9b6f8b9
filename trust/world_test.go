package trust

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// world is a machine with one vendor, "example", and a place for packages.
type world struct {
	t   testing.TB
	dir string
	opt Options
	now time.Time
	*Trust
}

const day = 24 * time.Hour

// theTime is when most tests happen.
var theTime = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

const vendorYAML = `apiVersion: lull/v1
vendor: example
enabled: true
keys:
  - {id: "2027", pem_file: example.pub, not_before: 2027-01-01T00:00:00Z, not_after: 2028-01-01T00:00:00Z}
scopes:
  - updaters: ["com.example.*"]
    actions: [scan, download, install, complete]
    components: [user_mode_app]
    write: ["/opt/reader"]
    min_version: "1.0.0"
expires: 2028-06-01T00:00:00Z
audit: {attested_by: "An Auditor", date: 2027-01-31}
`

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: theTime}
	w.opt = Options{
		VendorDirs: []string{filepath.Join(w.dir, "usr"), filepath.Join(w.dir, "etc")},
		RootDirs:   []string{filepath.Join(w.dir, "roots")},
		StateDir:   filepath.Join(w.dir, "state"), BaseDir: w.dir, Unprivileged: true,
		Now: func() time.Time { return w.now }, Platform: "linux/amd64", Boot: "boot-1", Logger: slog.New(slog.DiscardHandler),
	}
	for _, d := range []string{"usr", "etc", "roots", "keys", "pkg", "stage"} {
		w.mkdir(d)
	}
	w.key("example")
	w.write("etc/example.yaml", vendorYAML)
	w.write("etc/example.pub", w.read("keys/example.pub"))
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.Trust, err = Open(w.opt); err != nil {
		w.t.Fatalf("Open: %v", err)
	}
	w.t.Cleanup(func() { w.Close() })
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *world) mkdir(name string) {
	w.t.Helper()
	if err := os.MkdirAll(w.path(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, content string) {
	w.t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	w.mkdir(filepath.ToSlash(filepath.Dir(name)))
	if err := os.WriteFile(w.path(name), []byte(content), mode); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chmod(w.path(name), mode); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// edit replaces text in a file, which must be there.
func (w *world) edit(name, old, new string) {
	w.t.Helper()
	text := w.read(name)
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s does not contain %q:\n%s", name, old, text)
	}
	w.write(name, strings.Replace(text, old, new, 1))
}

// vendor edits the vendor file and loads it.
func (w *world) vendor(old, new string) {
	w.t.Helper()
	w.edit("etc/example.yaml", old, new)
	w.Reload()
}

func (w *world) key(name string) {
	w.t.Helper()
	if _, _, err := GenerateKey(w.path("keys"), name, nil); err != nil {
		w.t.Fatal(err)
	}
}

// manifest is a complete package of the given version, to be packed.
func (w *world) manifest(version string) *Manifest {
	return &Manifest{
		APIVersion: apiVersion, Kind: "Updater", ID: "com.example.reader", Vendor: "example", Version: version,
		Component: "user_mode_app", Platform: "linux/amd64", Created: w.now.Add(-day), Expires: w.now.Add(100 * day),
		Scan: Scan{Exec: []string{"bin/updater", "scan"}, EveryMinutes: 60},
		Actions: map[string]Action{
			"download": {Exec: []string{"bin/updater", "download"}}, "install": {Exec: []string{"bin/updater", "install"}},
		},
		Sandbox: Sandbox{Write: []string{"/opt/reader"}},
	}
}

const program = "#!/bin/sh\necho reader \"$1\"\n"

// pack writes and signs a package below pkg/NAME and returns its directory.
func (w *world) pack(name string, m *Manifest) string {
	w.t.Helper()
	return w.packWith(name, m, "example")
}

func (w *world) packWith(name string, m *Manifest, key string) string {
	w.t.Helper()
	dir := "pkg/" + name
	w.write(dir+"/bin/updater", program)
	w.write(dir+"/share/notes.txt", "notes of "+m.Version+"\n")
	return w.repack(dir, m, key)
}

func (w *world) repack(dir string, m *Manifest, key string) string {
	w.t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(dir+"/manifest.json", strings.Replace(string(data), `"payload":null`, `"payload":[]`, 1))
	o := PackOptions{Dir: w.path(dir)}
	if key != "" {
		o.KeyFile = w.path("keys/" + key + ".key")
	}
	if _, err := Pack(context.Background(), o); err != nil {
		w.t.Fatalf("Pack: %v", err)
	}
	return w.path(dir)
}

// raw signs whatever manifest text is given: for what Pack would refuse.
func (w *world) raw(dir string, edit func(text string) string) string {
	w.t.Helper()
	w.write(dir+"/manifest.json", edit(w.read(dir+"/manifest.json")))
	w.sign(dir+"/manifest.json", "example")
	return w.path(dir)
}

func (w *world) sign(name, key string) {
	w.t.Helper()
	if err := Sign(context.Background(), w.path(name), w.path("keys/"+key+".key"), nil); err != nil {
		w.t.Fatal(err)
	}
}

// admitted packs, admits and commits a version.
func (w *world) admitted(version string) *Package {
	w.t.Helper()
	p, err := w.Admit(context.Background(), w.pack("v"+version, w.manifest(version)))
	if err != nil {
		w.t.Fatalf("Admit: %v", err)
	}
	if err := w.Commit(p); err != nil {
		w.t.Fatalf("Commit: %v", err)
	}
	return p
}

// document writes and signs an update document into the staging directory, and
// the artifact that it states.
func (w *world) document(version, content string) string {
	w.t.Helper()
	w.write("stage/reader.bin", content)
	d := &UpdateDocument{
		APIVersion: apiVersion, Kind: "Update", Updater: "com.example.reader", ID: "reader-" + version, Version: version,
		Platform: "linux/amd64", Created: w.now.Add(-time.Hour), Expires: w.now.Add(30 * day),
	}
	if err := StateArtifacts(context.Background(), d, w.path("stage"), "reader.bin"); err != nil {
		w.t.Fatal(err)
	}
	return w.signDocument(d)
}

func (w *world) signDocument(d *UpdateDocument) string {
	w.t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("stage/"+d.ID+".json", string(data))
	w.sign("stage/"+d.ID+".json", "example")
	return d.ID + ".json"
}

// staged admits an update and its artifact.
func (w *world) staged(p *Package, version, content string) (*Update, *Artifacts) {
	w.t.Helper()
	u, err := w.AdmitUpdate(context.Background(), p, w.path("stage"), w.document(version, content))
	if err != nil {
		w.t.Fatalf("AdmitUpdate: %v", err)
	}
	a, err := w.AdmitArtifacts(context.Background(), p, u, w.path("stage"))
	if err != nil {
		w.t.Fatalf("AdmitArtifacts: %v", err)
	}
	return u, a
}

// wantCode fails unless err has the code and its text contains all words.
func wantCode(t testing.TB, err error, code string, words ...string) {
	t.Helper()
	if got := Code(err); got != code {
		t.Fatalf("got code %q (%v), want %q", got, err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not mention %q", err, word)
		}
	}
}
