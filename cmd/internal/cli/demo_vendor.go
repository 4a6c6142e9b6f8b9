package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/lullhq/lull/trust"
)

// Names in the demo.
const (
	demoUpdater = "com.example.hello"
	demoUpdate  = "hello-2.0"
	demoFile    = "hello-2.0.bin"
	demoBytes   = 6 << 20
)

// demoVendor is the other side: a vendor with a key, a web server on the
// loopback interface, and an updater package.
type demoVendor struct {
	dir      string // the vendor's own files
	install  string // where the updater installs to
	key, pub string
	server   *http.Server
	url      string
	digest   string // SHA-256 of the artifact
}

func (v *demoVendor) www(name string) string { return filepath.Join(v.dir, "www", name) }
func (v *demoVendor) pkg() string            { return filepath.Join(v.dir, "package") }

// open makes the key, the artifact, the signed update document and the signed
// package, and starts the server.
func (v *demoVendor) open(ctx context.Context) error {
	if err := os.MkdirAll(v.www(""), 0o755); err != nil {
		return err
	}
	var err error
	if v.key, v.pub, err = trust.GenerateKey(v.dir, "example", nil); err != nil {
		return err
	}
	if err := v.serve(); err != nil {
		return err
	}
	if err := v.release(ctx); err != nil {
		return err
	}
	return v.pack(ctx, v.pkg(), "1.0.0", v.key)
}

// serve offers the vendor's files, slowly enough for progress to be seen.
func (v *demoVendor) serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	v.url = "http://" + l.Addr().String()
	v.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(v.offer)}
	go func() { _ = v.server.Serve(l) }() // ends with ErrServerClosed
	return nil
}

func (v *demoVendor) offer(w http.ResponseWriter, r *http.Request) {
	f, err := http.Dir(v.www("")).Open(r.URL.Path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(info.Size()))
	for {
		n, err := io.CopyN(w, f, 256<<10)
		if err != nil || n == 0 || !pause(r.Context(), 40*time.Millisecond) {
			return
		}
	}
}

func (v *demoVendor) close() {
	if v.server != nil {
		v.server.Close()
	}
}

// release writes the artifact and the document that states its digest, signed.
func (v *demoVendor) release(ctx context.Context) error {
	data := make([]byte, demoBytes)
	gen := rand.NewChaCha8([32]byte{'l', 'u', 'l', 'l'})
	_, _ = gen.Read(data) // never fails
	sum := sha256.Sum256(data)
	v.digest = hex.EncodeToString(sum[:])
	if err := os.WriteFile(v.www(demoFile), data, 0o644); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	doc := map[string]any{
		"apiVersion": "lull/v1", "kind": "Update", "updater": demoUpdater, "id": demoUpdate, "version": "2.0.0",
		"platform": platform(), "created": now.Add(-time.Minute), "expires": now.AddDate(1, 0, 0),
		"artifacts": []map[string]any{{"name": demoFile, "size": demoBytes, "sha256": v.digest}},
	}
	if err := writeJSONFile(v.www(demoUpdate+".json"), doc); err != nil {
		return err
	}
	if err := trust.Sign(ctx, v.www(demoUpdate+".json"), v.key, nil); err != nil {
		return err
	}
	return writeJSONFile(v.www("updates.json"), map[string]any{"updates": []map[string]any{{
		"id": demoUpdate, "title": "Hello 2.0", "version": "2.0.0", "size_bytes": demoBytes, "document": demoUpdate + ".json",
	}}})
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// pack builds an updater package around a copy of this very binary and signs
// it with key.
func (v *demoVendor) pack(ctx context.Context, dir, version, key string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(dir, "bin", sampleName()), self, 0o755); err != nil {
		return err
	}
	conf := sampleConfig{Server: v.url, Install: v.install, File: demoFile, Update: demoUpdate + ".json"}
	if err := writeJSONFile(filepath.Join(dir, "sample.json"), conf); err != nil {
		return err
	}
	if err := writeJSONFile(filepath.Join(dir, "manifest.json"), demoManifest(version)); err != nil {
		return err
	}
	_, err = trust.Pack(ctx, trust.PackOptions{Dir: dir, KeyFile: key})
	return err
}

func sampleName() string {
	if runtime.GOOS == "windows" {
		return "hello-updater.exe"
	}
	return "hello-updater"
}

func demoManifest(version string) map[string]any {
	argv := func(action string) []string { return []string{"bin/" + sampleName(), sampleVerb, action} }
	return map[string]any{
		"apiVersion": "lull/v1", "kind": "Updater", "id": demoUpdater, "vendor": "example", "version": version,
		"display_name": "Hello", "component": "user_mode_app", "platform": platform(),
		"scan": map[string]any{"exec": argv("scan"), "requires_network": true, "max_seconds": 60, "every_minutes": 1440},
		"actions": map[string]any{
			"download":  map[string]any{"exec": argv("download"), "requires_network": true, "pausable": true, "disk_bytes": demoBytes},
			"install":   map[string]any{"exec": argv("install"), "pausable": true, "exclusive": true, "idempotent": true, "disk_bytes": demoBytes},
			"complete":  map[string]any{"exec": argv("complete")},
			"uninstall": map[string]any{"exec": argv("uninstall")},
		},
		"sandbox": map[string]any{"write": []string{"/opt/hello"}, "network": []string{"scan", "download"}},
		"retry":   map[string]any{"max_attempts": 3, "initial_seconds": 2, "max_seconds": 5},
	}
}

// demoVendorFile is what an administrator writes to trust a vendor.
func demoVendorFile(expires time.Time) string {
	return strings.Join([]string{
		"apiVersion: lull/v1",
		"vendor: example",
		"enabled: true",
		`keys: [{id: "demo", pem_file: example.pub}]`,
		"scopes:",
		`  - updaters: ["com.example.*"]`,
		"    actions: [scan, download, install, complete, uninstall]",
		"    components: [user_mode_app]",
		`    write: ["/opt/hello"]`,
		"    artifacts: statement",
		"expires: " + expires.UTC().Format(time.RFC3339),
		"",
	}, "\n")
}

func writeJSONFile(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// copyFile copies a file that may be large.
func copyFile(to, from string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
