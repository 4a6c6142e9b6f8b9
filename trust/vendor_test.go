package trust

import (
	"os"
	"strings"
	"testing"
)

// badVendors are edits of the vendor file, each of which must disable the
// vendor with a message that names the line and the remedy.
var badVendors = []struct {
	name     string
	old, new string
	words    []string
}{
	{"an unknown key", "enabled: true", "enabled: true\nthreshhold: 1", []string{"example.yaml:4", "threshhold", "unknown key"}},
	{"a misspelt key", "scopes:", "scope:", []string{"scope", `did you mean "scopes"?`}},
	{"a duplicate key", "enabled: true", "enabled: true\nenabled: false", []string{"example.yaml:4", "duplicate key, first on line 3"}},
	{"a name that is not the file's", "vendor: example", "vendor: other", []string{"example.yaml:2", "write example"}},
	{"no enabled", "enabled: true\n", "", []string{"enabled", "missing"}},
	{"enabled in quotes", "enabled: true", `enabled: "true"`, []string{"wants a boolean, got a string"}},
	{"enabled as yes", "enabled: true", `enabled: yes`, []string{"wants a boolean"}},
	{"a number as a key id", `id: "2027"`, "id: 2027", []string{"keys[0].id", "wants a string, got a number"}},
	{"null instead of a value", "expires: 2028-06-01T00:00:00Z", "expires:", []string{"null is not a value"}},
	{"a date that is none", "expires: 2028-06-01T00:00:00Z", "expires: tomorrow", []string{"wants a time", "2027-01-31T00:00:00Z"}},
	{"no signer at all", `keys:
  - {id: "2027", pem_file: example.pub, not_before: 2027-01-01T00:00:00Z, not_after: 2028-01-01T00:00:00Z}`, "keys: []", []string{"nobody may sign"}},
	{"a key file elsewhere", "pem_file: example.pub", "pem_file: ../keys/example.pub", []string{"beside the vendor file"}},
	{"a key file that is missing", "pem_file: example.pub", "pem_file: gone.pub", []string{"gone.pub: ", "no such file"}},
	{"an empty window", "not_after: 2028-01-01T00:00:00Z", "not_after: 2026-01-01T00:00:00Z", []string{"the window is empty"}},
	{"a whole top-level domain", "com.example.*", "com.*", []string{"com.*", "updater pattern"}},
	{"a wildcard inside", "com.example.*", "com.*.reader", []string{"updater pattern"}},
	{"an unknown action", "[scan, download", "[scan, dowload", []string{"scopes.0.actions.1", "dowload", "download"}},
	{"firmware", "[user_mode_app]", "[user_mode_app, firmware]", []string{"firmware", "no vendor file can allow it"}},
	{"a write path that is not below /opt", `write: ["/opt/reader"]`, `write: ["/usr/bin"]`, []string{"scopes.0.write.0", "/usr/bin", "unsafe_write"}},
	{"all of /opt", `write: ["/opt/reader"]`, `write: ["/opt"]`, []string{"not below"}},
	{"a write path with dots", `write: ["/opt/reader"]`, `write: ["/opt/../etc"]`, []string{"not clean"}},
	{"unsafe_write of lull's own", `write: ["/opt/reader"]`, `unsafe_write: ["/var/lib"]`, []string{"/var/lib/lull", "no vendor file"}},
	{"unsafe_write of the boot loader", `write: ["/opt/reader"]`, `unsafe_write: ["/boot/x"]`, []string{"/boot"}},
	{"a version without patch", `min_version: "1.0.0"`, `min_version: "1.0"`, []string{"SemVer"}},
	{"an alias", "audit: {", "audit: &a {", []string{"anchors and aliases"}},
	{"two documents", "audit: {", "---\nx: {", []string{"more than one document"}},
	{"broken YAML", "scopes:", "scopes: [", []string{"example.yaml:"}},
	{"a byte order mark", "apiVersion: lull/v1", "\xef\xbb\xbfapiVersion: lull/v1", []string{"byte order mark"}},
	{"an identity whose expression matches nothing in particular", "scopes:", `identities: [{id: a, root: r, certificate_oidc_issuer: "https://issuer", certificate_identity_regexp: ".*"}]
scopes:`, []string{"matches the empty name"}},
	{"an identity without an issuer", "scopes:", `identities: [{id: a, root: r, certificate_identity: "x"}]
scopes:`, []string{"an issuer is required"}},
	{"an identity with a look-alike issuer", "scopes:", `identities: [{id: a, root: r, certificate_oidc_issuer: "https://tоken.example", certificate_identity: "x"}]
scopes:`, []string{"plain letters"}},
	{"an identity with an unknown extension", "scopes:", `identities: [{id: a, root: r, certificate_oidc_issuer: "https://i", certificate_identity: "x", extensions: {runner: "y"}}]
scopes:`, []string{"extensions", "unknown field"}},
	{"two scopes for one updater", "expires:", `  - {updaters: [com.example.reader], actions: [scan], components: [user_mode_app]}
expires:`, []string{"keep each updater in one scope"}},
}

func TestABrokenVendorFileDisablesItsVendorAndSaysWhere(t *testing.T) {
	for _, tt := range badVendors {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.vendor(tt.old, tt.new)
			var all []string
			for _, p := range w.Generation().Problems() {
				all = append(all, p.String())
			}
			text := strings.Join(all, "\n")
			for _, word := range tt.words {
				if !strings.Contains(text, word) {
					t.Errorf("got problems\n%s\nwant %q among them", text, word)
				}
			}
			if _, err := w.Generation().Vendor("example"); err == nil {
				t.Error("the vendor is still in force")
			}
		})
	}
}

func TestAGoodVendorFileHasNoProblems(t *testing.T) {
	w := newWorld(t)
	if p := w.Generation().Problems(); len(p) > 0 {
		t.Errorf("got %v", p)
	}
	if v := w.Generation().Vendors(); len(v) != 1 || v[0].Audit.Date != "2027-01-31" || len(v[0].Scopes) != 1 {
		t.Errorf("got %+v", v)
	}
}

func TestABrokenFileUncoversNothing(t *testing.T) {
	w := newWorld(t)
	w.write("usr/example.yaml", vendorYAML)
	w.write("usr/example.pub", w.read("keys/example.pub"))
	w.write("etc/example.yaml", "apiVersion: [")
	w.Reload()
	_, err := w.Generation().Vendor("example")
	wantCode(t, err, "vendor_broken")
}

// TestADirectoryThatCannotBeReadUncoversNothing: what it holds might hide any
// lower file.
func TestADirectoryThatCannotBeReadUncoversNothing(t *testing.T) {
	for name, spoil := range map[string]func(w *world, dir string){
		"a file in its place":         func(w *world, dir string) { w.write(dir, "x") },
		"a link that leads nowhere":   func(w *world, dir string) { os.Symlink(w.path("nowhere"), w.path(dir)) },
		"a link that leads to itself": func(w *world, dir string) { os.Symlink(w.path(dir), w.path(dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			w, s := keylessWorld(t)
			w.opt.VendorDirs = []string{w.path("etc"), w.path("vendors")}
			w.opt.RootDirs = []string{w.path("roots"), w.path("roots2")}
			w.open()
			dir := w.packKeyless(s, workflow, gitHub)
			if _, err := w.Admit(t.Context(), dir); err != nil {
				t.Fatalf("with directories that are not there: %v", err)
			}
			spoil(w, "vendors")
			w.Reload()
			_, err := w.Generation().Vendor("example")
			wantCode(t, err, "vendor_broken", "vendors", "would hide")
			os.Remove(w.path("vendors"))
			spoil(w, "roots2")
			w.Reload()
			_, err = w.Admit(t.Context(), dir)
			if err == nil || Code(err) != "io" && Code(err) != "root_unavailable" {
				t.Errorf("with roots that cannot be read: %v", err)
			}
			os.Remove(w.path("roots2"))
			w.Reload()
			if _, err := w.Admit(t.Context(), dir); err != nil {
				t.Errorf("after the repair: %v", err)
			}
		})
	}
}

// TestTryingAVendorFileTellsWhatItWouldBreak, and changes nothing.
func TestTryingAVendorFileTellsWhatItWouldBreak(t *testing.T) {
	second := strings.NewReplacer("vendor: example", "vendor: second", "example.pub", "second.pub", "com.example.*", "org.second.*", "/opt/reader", "/opt/second")
	for name, tt := range map[string]struct {
		file, text string
		words      []string // none: it would be in force
	}{
		"a good one":                           {"second", second.Replace(vendorYAML), nil},
		"the one that is in force":             {"example", strings.ReplaceAll(vendorYAML, "An Auditor", "Another"), nil},
		"one with a misspelt key":              {"second", strings.Replace(second.Replace(vendorYAML), "enabled", "enabledd", 1), []string{"second.yaml:3", "enabledd"}},
		"one without its key":                  {"second", strings.Replace(second.Replace(vendorYAML), "second.pub", "gone.pub", 1), []string{"gone.pub", "no such file"}},
		"one that names a private key":         {"second", strings.Replace(second.Replace(vendorYAML), "second.pub", "second.key", 1), []string{"second.key", "private key"}},
		"one with another's updaters":          {"second", strings.Replace(second.Replace(vendorYAML), "org.second.*", "com.example.reader", 1), []string{"com.example.reader", "vendor example", "one vendor only"}},
		"one that writes where another writes": {"second", strings.Replace(second.Replace(vendorYAML), "/opt/second", "/opt/reader/x", 1), []string{"/opt/reader/x", "vendor example"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.key("second")
			w.write("work/"+tt.file+".yaml", tt.text)
			for _, key := range []string{"second.pub", "second.key", "example.pub"} {
				w.write("work/"+key, w.read("keys/"+key))
			}
			if err := os.Chmod(w.path("work"), 0o777); err != nil { // anybody's
				t.Fatal(err)
			}
			before := w.Generation().Digest()
			v, problems := w.TryVendor(w.path("work/" + tt.file + ".yaml"))
			var text string
			for _, p := range problems {
				text += p.String() + "\n"
			}
			if (text != "") != (tt.words != nil) || v.Name != tt.file {
				t.Errorf("got vendor %s and problems\n%s", v.Name, text)
			}
			for _, word := range tt.words {
				if !strings.Contains(text, word) {
					t.Errorf("nothing about %q in\n%s", word, text)
				}
			}
			if w.Reload().Digest() != before || w.Generation().Problems() != nil && len(w.Generation().Problems()) > 0 {
				t.Errorf("it changed what is in force: %v", w.Generation().Problems())
			}
		})
	}
}

func TestAnEmptyFileOrALinkToNullMasksTheLowerOne(t *testing.T) {
	w := newWorld(t)
	w.write("usr/example.yaml", vendorYAML)
	w.write("usr/example.pub", w.read("keys/example.pub"))
	w.write("etc/example.yaml", "")
	w.Reload()
	_, err := w.Generation().Vendor("example")
	wantCode(t, err, "vendor_unknown")
	os.Remove(w.path("etc/example.yaml"))
	os.Symlink(os.DevNull, w.path("etc/example.yaml"))
	w.Reload()
	_, err = w.Generation().Vendor("example")
	wantCode(t, err, "vendor_unknown")
	os.Remove(w.path("etc/example.yaml"))
	w.Reload()
	if _, err := w.Generation().Vendor("example"); err != nil {
		t.Errorf("without the mask: %v", err)
	}
}

func TestFilesThatOthersCouldChangeAreNotBelieved(t *testing.T) {
	for _, name := range []string{"etc", "etc/example.yaml", "etc/example.pub"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			info, err := os.Stat(w.path(name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(w.path(name), info.Mode().Perm()|0o020); err != nil {
				t.Fatal(err)
			}
			w.Reload()
			_, err = w.Generation().Vendor("example")
			wantCode(t, err, "vendor_broken", "others may write it", "chmod go-w")
		})
	}
}

func TestAForeignOwnerIsNotBelieved(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give a file away")
	}
	w := newWorld(t)
	if err := os.Chown(w.path("etc/example.yaml"), 12345, -1); err != nil {
		t.Fatal(err)
	}
	w.Reload()
	_, err := w.Generation().Vendor("example")
	wantCode(t, err, "vendor_broken", "belongs to user 12345")
}

func TestOverlappingVendorsAreBothDisabledAndSayWho(t *testing.T) {
	w := newWorld(t)
	w.write("etc/second.pub", w.read("keys/example.pub"))
	w.write("etc/second.yaml", strings.NewReplacer("vendor: example", "vendor: second", "com.example.*", "com.example.reader.*", "/opt/reader", "/opt/second").Replace(vendorYAML))
	w.Reload()
	for _, name := range []string{"example", "second"} {
		_, err := w.Generation().Vendor(name)
		wantCode(t, err, "scope_overlap", "example.yaml", "second.yaml")
	}
	w.edit("etc/second.yaml", "com.example.reader.*", "org.second.*")
	w.Reload()
	if _, err := w.Generation().Vendor("example"); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestNobodyElseMayWriteWhereAVendorWrites(t *testing.T) {
	w := newWorld(t)
	w.write("etc/second.pub", w.read("keys/example.pub"))
	w.write("etc/second.yaml", strings.NewReplacer("vendor: example", "vendor: second", "com.example.*", "org.second.*", "/opt/reader", "/opt/reader/plugins").Replace(vendorYAML))
	w.Reload()
	_, err := w.Generation().Vendor("second")
	wantCode(t, err, "scope_overlap", "/opt/reader/plugins")
}

func TestARevocationHoldsAtOnceAndInOtherProcesses(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	v, _, err := w.Check(t.Context(), p, "scan", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(w.opt) // as the command line would
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Revoke("example", "2027", "stolen"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, v.Valid(), "generation_changed")
	_, told, err := w.Check(t.Context(), p, "scan", nil, nil)
	wantCode(t, err, "revoked", "stolen")
	if told["error_code"] != "revoked" || told["verified"] != false {
		t.Errorf("got facts %v", told)
	}
}

func TestADamagedRevocationStopsEverybody(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	w.write("state/revocations/example-0.json", "{")
	_, _, err := w.Check(t.Context(), p, "scan", nil, nil)
	wantCode(t, err, "state_damaged", "nobody is trusted")
}

func TestGenerationsWithTheSameContentAreOne(t *testing.T) {
	w := newWorld(t)
	before := w.Generation()
	if after := w.Reload(); after != before {
		t.Error("a reload without a change made a new generation")
	}
	w.edit("etc/example.yaml", "An Auditor", "Another")
	if after := w.Reload(); after.Digest() == before.Digest() {
		t.Error("a change kept the digest")
	}
}
