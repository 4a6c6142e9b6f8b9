//go:build unix

package trust

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lullhq/lull/trust/internal/sigtest"
)

// refusals are packages that must not enter, each with its code and words that
// tell the reader where and what. Admit and Inspect must agree on them.
var refusals = []struct {
	name  string
	setup func(w *world) string // returns the package's directory
	code  string
	words []string
}{
	{"a package without a signature", func(w *world) string {
		return w.packWith("a", w.manifest("3.1.0"), "")
	}, "unsigned", []string{"manifest.json.sigstore.json", "lull pack --key"}},

	{"a package signed by a foreign key", func(w *world) string {
		w.key("stranger")
		return w.packWith("a", w.manifest("3.1.0"), "stranger")
	}, "untrusted_signer", []string{"manifest.json.sigstore.json", "lull vendor show example"}},

	{"a manifest that changed after it was signed", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.edit("pkg/a/manifest.json", `"linux/amd64"`, `"any"`)
		return dir
	}, "bad_signature", []string{"2027", "sign the file again"}},

	{"a bundle that is garbage", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.write("pkg/a/manifest.json.sigstore.json", `{"mediaType": "nonsense"}`)
		return dir
	}, "bad_bundle", []string{"cosign sign-blob"}},

	{"a payload file whose bytes changed", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.edit("pkg/a/bin/updater", "reader", "readex")
		return dir
	}, "digest_mismatch", []string{"bin/updater", "was signed"}},

	{"a payload file that grew", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.write("pkg/a/share/notes.txt", strings.Repeat("x", 1<<20))
		return dir
	}, "digest_mismatch", []string{"share/notes.txt", "larger than"}},

	{"a payload file that is missing", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		os.Remove(filepath.Join(dir, "share/notes.txt"))
		return dir
	}, "bad_payload", []string{"share/notes.txt", "missing", "lull pack"}},

	{"a file that the manifest does not list", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.write("pkg/a/bin/evil", "x")
		return dir
	}, "bad_payload", []string{"bin/evil", "not in the manifest"}},

	{"a payload file that became a link", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.write("elsewhere", "notes of 3.1.0\n")
		os.Remove(filepath.Join(dir, "share/notes.txt"))
		os.Symlink(w.path("elsewhere"), filepath.Join(dir, "share/notes.txt"))
		return dir
	}, "not_regular", []string{"share/notes.txt"}},

	{"a directory that became a link", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		os.Rename(filepath.Join(dir, "share"), w.path("share"))
		os.Symlink(w.path("share"), filepath.Join(dir, "share"))
		return dir
	}, "not_regular", []string{"share"}},

	{"a FIFO in the payload", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		os.Remove(filepath.Join(dir, "share/notes.txt"))
		syscall.Mkfifo(filepath.Join(dir, "share/notes.txt"), 0o644)
		return dir
	}, "not_regular", []string{"share/notes.txt"}},

	{"no manifest", func(w *world) string {
		w.mkdir("pkg/empty")
		return w.path("pkg/empty")
	}, "bad_manifest", []string{"manifest.json", "lull pack"}},

	{"an unknown manifest key", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `"platform"`, `"prority": 1, "platform"`, 1) })
	}, "bad_manifest", []string{"manifest.json:8", "prority", "unknown key", `did you mean "priority"?`}},

	{"a key in capitals", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `"vendor"`, `"Vendor"`, 1) })
	}, "bad_manifest", []string{"Vendor", "unknown key", `"vendor"`}},

	{"a duplicate key", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `"id"`, `"id": "com.example.other", "id"`, 1) })
	}, "bad_manifest", []string{"duplicate key", "remove one"}},

	{"a path that leaves the package", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `"share/notes.txt"`, `"../notes.txt"`, 1) })
	}, "bad_manifest", []string{"payload.1.path", "../notes.txt", "relative to the package"}},

	{"an absolute path", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `"share/notes.txt"`, `"/etc/passwd"`, 1) })
	}, "bad_manifest", []string{"/etc/passwd", "absolute"}},

	{"paths that differ in case only", func(w *world) string {
		w.write("pkg/a/share/other.txt", "x")
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `share/other.txt`, `share/NOTES.txt`, 1) })
	}, "bad_manifest", []string{"NOTES.txt", "notes.txt", "same path"}},

	{"another apiVersion", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `lull/v1`, `lull/v2`, 1) })
	}, "bad_manifest", []string{"apiVersion", "lull/v1"}},

	{"an update document in place of a manifest", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `"Updater"`, `"Update"`, 1) })
	}, "bad_manifest", []string{"kind"}},

	{"a driver", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `user_mode_app`, `driver`, 1) })
	}, "component_refused", []string{"manifest.json:7", "driver", "user-mode"}},

	{"firmware", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `user_mode_app`, `Firmware`, 1) })
	}, "component_refused", nil},

	{"a bios", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string { return strings.Replace(s, `user_mode_app`, `bios`, 1) })
	}, "component_refused", nil},

	{"a component that the scope does not list", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Component = "system_packages"
		return w.pack("a", m)
	}, "out_of_scope", []string{"system_packages", "user_mode_app"}},

	{"a program that is not in the payload", func(w *world) string {
		w.pack("a", w.manifest("3.1.0"))
		return w.raw("pkg/a", func(s string) string {
			return strings.Replace(s, `"bin/updater",`+"\n      \"scan\"", `"/bin/sh",`+"\n      \"scan\"", 1)
		})
	}, "bad_manifest", []string{"scan.exec.0", "/bin/sh", "not in the payload"}},

	{"an interpreter that is not allowed", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.write("pkg/a/bin/updater", "#!/opt/reader/evil\n")
		sum := hexDigest([]byte("#!/opt/reader/evil\n"))
		w.edit("pkg/a/manifest.json", hexDigest([]byte(program)), sum)
		w.edit("pkg/a/manifest.json", `"size": 27`, `"size": 19`)
		w.sign("pkg/a/manifest.json", "example")
		return dir
	}, "interpreter_refused", []string{"bin/updater", "/opt/reader/evil", "/bin/sh"}},

	{"an unknown vendor", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Vendor = "nobody"
		return w.pack("a", m)
	}, "vendor_unknown", []string{"nobody", "vendors.d"}},

	{"a disabled vendor", func(w *world) string {
		w.vendor("enabled: true", "enabled: false")
		return w.pack("a", w.manifest("3.1.0"))
	}, "vendor_disabled", []string{"example.yaml", "enabled: true"}},

	{"a vendor whose file is broken", func(w *world) string {
		w.vendor("apiVersion: lull/v1", "apiVersion: lull/v9")
		return w.pack("a", w.manifest("3.1.0"))
	}, "vendor_broken", []string{"example.yaml:1", "apiVersion"}},

	{"a vendor that has ended", func(w *world) string {
		w.now = time.Date(2028, 7, 1, 0, 0, 0, 0, time.UTC)
		w.vendor("not_after: 2028-01-01T00:00:00Z", "not_after: 2029-01-01T00:00:00Z")
		return w.pack("a", w.manifest("3.1.0"))
	}, "expired", []string{"example.yaml", "2028-06-01"}},

	{"an updater outside its vendor's scope", func(w *world) string {
		m := w.manifest("3.1.0")
		m.ID = "org.other.reader"
		return w.pack("a", m)
	}, "out_of_scope", []string{"org.other.reader", "example.yaml"}},

	{"an action outside the scope", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Actions["uninstall"] = Action{Exec: []string{"bin/updater", "uninstall"}}
		return w.pack("a", m)
	}, "out_of_scope", []string{"uninstall"}},

	{"a directory outside the scope", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Sandbox.Write = []string{"/opt/reader2"}
		return w.pack("a", m)
	}, "out_of_scope", []string{"/opt/reader2", "/opt/reader"}},

	{"a version below the administrator's minimum", func(w *world) string {
		return w.pack("a", w.manifest("0.9.0"))
	}, "downgrade", []string{"0.9.0", "1.0.0"}},

	{"another platform", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Platform = "linux/arm64"
		return w.pack("a", m)
	}, "wrong_platform", []string{"linux/arm64", "linux/amd64"}},

	{"an expired package", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Created, m.Expires = w.now.Add(-10*day), w.now.Add(-day)
		return w.pack("a", m)
	}, "expired", []string{"2027-02-28"}},

	{"a package from the future", func(w *world) string {
		m := w.manifest("3.1.0")
		m.Created = w.now.Add(2 * day)
		return w.pack("a", m)
	}, "not_yet_valid", []string{"2027-03-03"}},

	{"a denied package", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.write("etc/example.yaml", vendorYAML+"deny_digests: ["+hexDigest([]byte(w.read("pkg/a/manifest.json")))+"]\n")
		w.Reload()
		return dir
	}, "digest_denied", []string{"another version"}},

	{"a denied payload file", func(w *world) string {
		w.write("etc/example.yaml", vendorYAML+"deny_digests: ["+hexDigest([]byte(program))+"]\n")
		w.Reload()
		return w.pack("a", w.manifest("3.1.0"))
	}, "digest_denied", []string{"bin/updater"}},

	{"a key before its time", func(w *world) string {
		w.vendor("not_before: 2027-01-01", "not_before: 2027-06-01")
		return w.pack("a", w.manifest("3.1.0"))
	}, "not_yet_valid", []string{"2027-06-01"}},

	{"a key after its time", func(w *world) string {
		w.vendor("not_after: 2028-01-01", "not_after: 2027-02-01")
		return w.pack("a", w.manifest("3.1.0"))
	}, "expired", []string{"2027-02-01"}},

	{"a key that must be logged, and is not", func(w *world) string {
		w.write("roots/corp.json", string(sigtest.New(w.t).Root()))
		w.vendor("pem_file: example.pub", "pem_file: example.pub, root: corp")
		return w.pack("a", w.manifest("3.1.0"))
	}, "bad_signature", []string{"root corp does not confirm it"}},

	{"a key that the vendor file revokes", func(w *world) string {
		w.vendor("not_after: 2028-01-01T00:00:00Z", "not_after: 2028-01-01T00:00:00Z, revoked: true")
		return w.pack("a", w.manifest("3.1.0"))
	}, "revoked", []string{"2027 of vendor example"}},

	{"a key that was revoked here", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		if err := w.Revoke("example", "2027", "stolen"); err != nil {
			w.t.Fatal(err)
		}
		return dir
	}, "revoked", []string{"stolen"}},

	{"a vendor that was revoked here", func(w *world) string {
		dir := w.pack("a", w.manifest("3.1.0"))
		if err := w.Revoke("example", "", "went rogue"); err != nil {
			w.t.Fatal(err)
		}
		return dir
	}, "revoked", []string{"went rogue"}},

	{"a version below one registered before", func(w *world) string {
		w.admitted("3.1.0")
		return w.pack("old", w.manifest("3.0.9"))
	}, "downgrade", []string{"3.0.9", "3.1.0"}},

	{"the same version signed earlier", func(w *world) string {
		w.admitted("3.1.0")
		m := w.manifest("3.1.0")
		m.Created = m.Created.Add(-time.Hour)
		return w.pack("old", m)
	}, "downgrade", []string{"signed before"}},

	{"an id that belongs to another vendor", func(w *world) string {
		w.admitted("3.1.0")
		w.key("second")
		w.write("etc/second.pub", w.read("keys/second.pub"))
		text := strings.NewReplacer("vendor: example", "vendor: second", "example.pub", "second.pub").Replace(vendorYAML)
		w.write("etc/second.yaml", text)
		os.Remove(w.path("etc/example.yaml"))
		w.Reload()
		m := w.manifest("9.0.0")
		m.Vendor = "second"
		return w.packWith("b", m, "second")
	}, "bound_elsewhere", []string{"com.example.reader", "vendor example"}},

	{"a vendor whose scope overlaps another's", func(w *world) string {
		w.write("etc/second.pub", w.read("keys/example.pub"))
		w.write("etc/second.yaml", strings.NewReplacer("vendor: example", "vendor: second", "com.example.*", "com.example.reader", "/opt/reader", "/opt/second").Replace(vendorYAML))
		w.Reload()
		return w.pack("a", w.manifest("3.1.0"))
	}, "scope_overlap", []string{"com.example.*", "com.example.reader", "second.yaml", "one vendor only"}},

	{"a clock before the newest signature", func(w *world) string {
		w.admitted("3.1.0")
		m := w.manifest("3.2.0")
		w.now = w.now.Add(-30 * day)
		m.Created = w.now.Add(-day)
		return w.pack("b", m)
	}, "clock_implausible", []string{"set the clock"}},
}

func TestBadPackagesAreRefusedWithPlaceAndRemedy(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			dir := tt.setup(w)
			_, err := w.Admit(context.Background(), dir)
			wantCode(t, err, tt.code, tt.words...)
			found := false
			for _, p := range w.Inspect(context.Background(), dir) {
				found = found || p.Code == tt.code
			}
			if !found {
				t.Errorf("Inspect does not find %s: %v", tt.code, w.Inspect(context.Background(), dir))
			}
		})
	}
}

func TestInspectFindsNothingWrongWithAGoodPackage(t *testing.T) {
	w := newWorld(t)
	dir := w.pack("a", w.manifest("3.1.0"))
	if got := w.Inspect(context.Background(), dir); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if _, err := os.Stat(w.path("state")); !os.IsNotExist(err) {
		t.Errorf("Inspect wrote to the state directory (%v)", err)
	}
}

// TestInspectTellsEverythingAtOnce breaks one package in more than ten ways:
// whoever repairs it should need one look.
func TestInspectTellsEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.manifest("0.1.0")
	m.ID = "org.other.reader"
	m.Sandbox.Write = []string{"/opt/other"}
	m.Actions["uninstall"] = Action{Exec: []string{"bin/updater", "uninstall"}}
	m.Created, m.Expires = w.now.Add(-10*day), w.now.Add(-day)
	dir := w.packWith("a", m, "")
	w.edit("pkg/a/manifest.json", `"linux/amd64"`, `"plan9/mips", "prority": 1`)
	w.edit("pkg/a/manifest.json", `user_mode_app`, `driver`)
	w.write("pkg/a/extra", "x")
	w.edit("pkg/a/share/notes.txt", "notes", "Notes")
	w.write("pkg/a/bin/updater", "#!/opt/evil/sh\n")
	w.attest("pkg/a/x.intoto.sigstore.json", "example", w.statement("nothing", hexDigest(nil), slsa))
	os.Symlink("/etc/passwd", filepath.Join(dir, "link"))
	var all []string
	for _, p := range w.Inspect(context.Background(), dir) {
		all = append(all, p.String())
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{
		"prority", "driver", "not signed", "plan9/mips", "org.other.reader", "extra", "link", "share/notes.txt", "/opt/evil/sh", "x.intoto.sigstore.json", "expired",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing about %s", want)
		}
	}
	if t.Failed() || len(all) < 10 {
		t.Errorf("got %d problems:\n%s", len(all), text)
	}

	m.ID = "com.example.reader" // within its scope, what the scope refuses is told too
	w.packWith("b", m, "example")
	var codes []string
	for _, p := range w.Inspect(context.Background(), w.path("pkg/b")) {
		codes = append(codes, p.String())
	}
	text = strings.Join(codes, "\n")
	for _, want := range []string{"/opt/other", "uninstall", "0.1.0", "expired"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing about %s in\n%s", want, text)
		}
	}
}

// TestInspectTellsTheRestWithoutAnyVendorFile: whoever packs an updater has no
// vendor file at hand, and should still learn everything else at once.
func TestInspectTellsTheRestWithoutAnyVendorFile(t *testing.T) {
	told := func(w *world, dir string) (codes, text string) {
		for _, p := range w.Inspect(t.Context(), dir) {
			codes += p.Code + " "
			text += p.String() + "\n"
		}
		return codes, text
	}
	world := func() *world {
		w := newWorld(t)
		os.Remove(w.path("etc/example.yaml"))
		w.Reload()
		return w
	}

	w := world()
	dir := w.pack("a", w.manifest("3.1.0"))
	if codes, text := told(w, dir); codes != "vendor_unknown " {
		t.Errorf("a good package: got\n%s", text)
	}

	m := w.manifest("3.1.0")
	m.Platform, m.Created, m.Expires = "plan9/mips", w.now.Add(-10*day), w.now.Add(-day)
	dir = w.packWith("b", m, "")
	w.write("pkg/b/extra", "x")
	w.edit("pkg/b/share/notes.txt", "notes", "Notes")
	w.write("pkg/b/bin/updater", "#!/opt/evil/sh\n")
	w.attest("pkg/b/x.intoto.sigstore.json", "example", w.statement("nothing", hexDigest(nil), slsa))
	w.write("pkg/b/y.intoto.sigstore.json", "{}")
	_, text := told(w, dir)
	for _, want := range []string{
		"no vendor file", "not signed", "plan9/mips", "expired", "extra: ", "share/notes.txt: ", "/opt/evil/sh", "x.intoto.sigstore.json: ", "y.intoto.sigstore.json: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing about %q in\n%s", want, text)
		}
	}

	dir = w.pack("c", w.manifest("3.1.0"))
	w.edit("pkg/c/manifest.json", `"linux/amd64"`, `"any"`)
	if codes, text := told(w, dir); codes != "vendor_unknown bad_signature " {
		t.Errorf("a manifest that changed after it was signed: got\n%s", text)
	}
	w.write("pkg/c/manifest.json.sigstore.json", "{}")
	if codes, text := told(w, dir); codes != "vendor_unknown bad_bundle " {
		t.Errorf("a bundle that is none: got\n%s", text)
	}
}

// TestPureEd25519IsOnlyForSmallFiles: such a key signs the file itself, not its
// digest, so the whole file would have to be in memory.
func TestPureEd25519IsOnlyForSmallFiles(t *testing.T) {
	w := newWorld(t)
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	w.write("etc/example.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	w.Reload()
	_, err = w.Generation().Vendor("example")
	wantCode(t, err, "vendor_broken", "ed25519")

	w.write("big.sigstore.json", bundleJSON(make([]byte, 32), make([]byte, 64)))
	w.write("big", "")
	if err := os.Truncate(w.path("big"), maxPure+1); err != nil {
		t.Fatal(err)
	}
	bounded(t, 60, 8, func() {
		_, err = VerifyBundle(context.Background(), VerifyOptions{File: w.path("big"), Bundle: w.path("big.sigstore.json"), Key: w.path("etc/example.pub")})
	})
	wantCode(t, err, "too_large")
}
