//go:build unix

package trust

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// badDocuments are update documents that must not be accepted.
var badDocuments = []struct {
	name  string
	setup func(w *world) (file string)
	code  string
	words []string
}{
	{"one without a signature", func(w *world) string {
		file := w.document("12.4.0", "x")
		os.Remove(w.path("stage/" + file + ".sigstore.json"))
		return file
	}, "unsigned", []string{"reader-12.4.0.json"}},
	{"one signed by a stranger", func(w *world) string {
		w.key("stranger")
		file := w.document("12.4.0", "x")
		w.sign("stage/"+file, "stranger")
		return file
	}, "untrusted_signer", nil},
	{"one for another updater", func(w *world) string {
		return w.signDocument(&UpdateDocument{APIVersion: apiVersion, Kind: "Update", Updater: "com.example.writer", ID: "w-1", Version: "1.0.0", Platform: "any", Created: w.now, Expires: w.now.Add(day), Artifacts: []Artifact{}})
	}, "out_of_scope", []string{"com.example.writer", "com.example.reader"}},
	{"one for another platform", func(w *world) string {
		return w.signDocument(&UpdateDocument{APIVersion: apiVersion, Kind: "Update", Updater: "com.example.reader", ID: "w-1", Version: "1.0.0", Platform: "linux/arm64", Created: w.now, Expires: w.now.Add(day), Artifacts: []Artifact{}})
	}, "wrong_platform", nil},
	{"an expired one", func(w *world) string {
		file := w.document("12.4.0", "x")
		w.now = w.now.Add(31 * day)
		return file
	}, "expired", []string{"publish a new version"}},
	{"one read by a clock that was set back", func(w *world) string {
		w.admitted("3.2.0")
		file := w.document("12.4.0", "x")
		w.now = w.now.Add(-30 * day)
		return file
	}, "clock_implausible", []string{"set the clock"}},
	{"one read by a clock that was set forth", func(w *world) string {
		file := w.document("12.4.0", "x")
		w.now = w.now.Add(3650 * day)
		return file
	}, "expired", nil},
	{"one from the future", func(w *world) string {
		w.now = w.now.Add(2 * day)
		file := w.document("12.4.0", "x")
		w.now = w.now.Add(-2 * day)
		return file
	}, "not_yet_valid", nil},
	{"an older one of the line", func(w *world) string {
		w.staged(w.admitted("3.1.0"), "12.4.0", "x")
		return w.document("12.3.9", "y")
	}, "downgrade", []string{"12.3.9", "12.4.0"}},
	{"a name that leaves the directory", func(w *world) string { return "../reader.json" }, "bad_document", []string{".."}},
	{"a link", func(w *world) string {
		file := w.document("12.4.0", "x")
		os.Symlink(file, w.path("stage/link.json"))
		os.Symlink(file+".sigstore.json", w.path("stage/link.json.sigstore.json"))
		return "link.json"
	}, "not_regular", []string{"link.json", "symbolic link"}},
	{"a FIFO", func(w *world) string {
		syscall.Mkfifo(w.path("stage/fifo.json"), 0o644)
		return "fifo.json"
	}, "not_regular", []string{"FIFO"}},
	{"a device", func(w *world) string {
		os.Symlink("/dev/zero", w.path("stage/zero.json"))
		return "zero.json"
	}, "not_regular", nil},
	{"one that is missing", func(w *world) string { return "gone.json" }, "bad_document", []string{"gone.json", "LULL_STAGE_DIR"}},
	{"one that is enormous", func(w *world) string {
		w.write("stage/huge.json", strings.Repeat(" ", maxDocument+1))
		return "huge.json"
	}, "too_large", nil},
	{"one that denies itself", func(w *world) string {
		file := w.document("12.4.0", "x")
		w.write("etc/example.yaml", vendorYAML+"deny_digests: ["+hexDigest([]byte("x"))+"]\n")
		w.Reload()
		return file
	}, "digest_denied", []string{"reader.bin"}},
}

func TestBadUpdateDocumentsAreRefused(t *testing.T) {
	for _, tt := range badDocuments {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.admitted("3.1.0")
			file := tt.setup(w)
			_, err := w.AdmitUpdate(context.Background(), p, w.path("stage"), file)
			wantCode(t, err, tt.code, tt.words...)
		})
	}
}

// badStages are what a download may leave behind that must not be installed.
var badStages = []struct {
	name   string
	tamper func(w *world)
	code   string
	words  []string
}{
	{"other bytes of the same size", func(w *world) { w.write("stage/reader.bin", "the old reader") }, "digest_mismatch", []string{"reader.bin"}},
	{"too many bytes", func(w *world) { w.write("stage/reader.bin", "the new reader and more") }, "digest_mismatch", []string{"larger"}},
	{"too few bytes", func(w *world) { w.write("stage/reader.bin", "the new") }, "digest_mismatch", []string{"7 bytes"}},
	{"nothing", func(w *world) { os.Remove(w.path("stage/reader.bin")) }, "bad_payload", []string{"reader.bin"}},
	{"a link", func(w *world) {
		w.write("elsewhere", "the new reader")
		os.Remove(w.path("stage/reader.bin"))
		os.Symlink(w.path("elsewhere"), w.path("stage/reader.bin"))
	}, "not_regular", []string{"symbolic link"}},
	{"a hard link", func(w *world) {
		w.write("elsewhere", "the new reader")
		os.Remove(w.path("stage/reader.bin"))
		os.Link(w.path("elsewhere"), w.path("stage/reader.bin"))
	}, "not_regular", []string{"2 names"}},
	{"a FIFO", func(w *world) {
		os.Remove(w.path("stage/reader.bin"))
		syscall.Mkfifo(w.path("stage/reader.bin"), 0o644)
	}, "not_regular", []string{"FIFO"}},
	{"a directory", func(w *world) {
		os.Remove(w.path("stage/reader.bin"))
		w.mkdir("stage/reader.bin")
	}, "not_regular", []string{"a directory"}},
	{"a socket", func(w *world) {
		os.Remove(w.path("stage/reader.bin"))
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err == nil {
			err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: w.path("stage/reader.bin")})
			syscall.Close(fd)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}, "not_regular", []string{"a socket"}},
	{"a hole of a terabyte", func(w *world) { os.Truncate(w.path("stage/reader.bin"), 1<<40) }, "digest_mismatch", []string{"larger"}},
}

func TestBadArtifactsAreRefused(t *testing.T) {
	for _, tt := range badStages {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.admitted("3.1.0")
			u, err := w.AdmitUpdate(context.Background(), p, w.path("stage"), w.document("12.4.0", "the new reader"))
			if err != nil {
				t.Fatal(err)
			}
			tt.tamper(w)
			_, err = w.AdmitArtifacts(context.Background(), p, u, w.path("stage"))
			wantCode(t, err, tt.code, tt.words...)
			if left, _ := os.ReadDir(filepath.Join(w.store.dir, "tmp")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestInstallNeedsADocumentUnlessTheScopeSaysSelf(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	w.write("stage/data.bin", "downloaded")
	w.write("stage/self/manifest.json", "{}")
	_, err := w.AdmitArtifacts(context.Background(), p, nil, w.path("stage"))
	wantCode(t, err, "artifacts_unstated", "artifacts: self")
	_, told, err := w.Check(context.Background(), p, "install", nil, nil)
	wantCode(t, err, "artifacts_unstated")
	if got := told["artifacts"].(map[string]any)["binding"]; got != BindingSelf {
		t.Errorf("got binding %v", got)
	}
	w.vendor(`min_version: "1.0.0"`, "artifacts: self")
	a, err := w.AdmitArtifacts(context.Background(), p, nil, w.path("stage"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) != 1 || a.Files[0].Path != "data.bin" || a.Binding != BindingSelf {
		t.Errorf("got %+v, want data.bin alone", a)
	}
	if _, _, err := w.Check(context.Background(), p, "install", nil, a); err != nil {
		t.Error(err)
	}
}

func TestAnotherUpdatersArtifactsDoNotInstall(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	_, a := w.staged(p, "12.4.0", "the new reader")
	m := w.manifest("1.0.0")
	m.ID = "com.example.writer"
	q, err := w.Admit(context.Background(), w.pack("writer", m))
	if err != nil {
		t.Fatal(err)
	}
	w.vendor(`min_version: "1.0.0"`, "artifacts: self")
	_, _, err = w.Check(context.Background(), q, "install", nil, a)
	wantCode(t, err, "digest_mismatch", "com.example.reader")
}

func TestAnExpiredPackageMayStillScanForANewerOne(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	w.now = w.now.Add(120 * day)
	if _, _, err := w.Check(context.Background(), p, "scan", nil, nil); err != nil {
		t.Errorf("scan: %v", err)
	}
	_, _, err := w.Check(context.Background(), p, "download", nil, nil)
	wantCode(t, err, "expired")
}

func TestATimeThatCannotBeRightWaits(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	w.now = w.now.Add(-400 * day)
	_, told, err := w.Check(context.Background(), p, "scan", nil, nil)
	wantCode(t, err, "clock_implausible", "set the clock")
	if told["time"].(map[string]any)["clock_trusted"] != false {
		t.Errorf("got %v", told["time"])
	}
	w.now = theTime.Add(3650 * day) // set forth: expired, but not for ever
	_, _, err = w.Check(context.Background(), p, "download", nil, nil)
	wantCode(t, err, "expired")
	w.now = theTime
	if _, _, err := w.Check(context.Background(), p, "scan", nil, nil); err != nil {
		t.Errorf("after the clock was set right: %v", err)
	}
}

func TestTheCallersFloorOfTheClockCounts(t *testing.T) {
	w := newWorld(t)
	w.opt.NotBefore = func() time.Time { return theTime.Add(day) }
	w.open()
	_, err := w.Admit(context.Background(), w.pack("a", w.manifest("3.1.0")))
	wantCode(t, err, "clock_implausible")
}

func TestFloorsSurviveTheStoreAndFailClosed(t *testing.T) {
	w := newWorld(t)
	w.admitted("3.1.0")
	if err := w.GC(nil); err != nil {
		t.Fatal(err)
	}
	_, err := w.Admit(context.Background(), w.pack("old", w.manifest("3.0.0")))
	wantCode(t, err, "downgrade")
	p := w.admitted("3.2.0")
	w.write("state/floors.json", "{damaged")
	_, _, err = w.Check(context.Background(), p, "scan", nil, nil)
	wantCode(t, err, "state_damaged", "floors.json", "backup")
	os.Remove(w.path("state/floors.json"))
	_, _, err = w.Check(context.Background(), p, "scan", nil, nil)
	wantCode(t, err, "state_damaged", "gone")
}

func TestAfterACrashOfTheMachineEverythingIsReadAgain(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	path := filepath.Join(w.store.path(kindPackages, p.Digest), "tree/share/notes.txt")
	// The record is edited to match the damage: only reading the bytes can tell.
	os.Chmod(path, 0o644)
	os.WriteFile(path, []byte("NOTES of 3.1.0\n"), 0o644)
	os.Chmod(path, 0o444)
	e, err := w.store.get(kindPackages, p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for i := range e.record.Files {
		if e.record.Files[i].Path == "share/notes.txt" {
			info, _ := os.Stat(path)
			e.record.Files[i].identify(info)
		}
	}
	if err := writeRecord(e.dir, e.record); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Check(context.Background(), p, "scan", nil, nil); err != nil {
		t.Fatalf("in the same boot: %v", err)
	}
	w.opt.Boot = "boot-2" // without Close: the machine crashed
	w.open()
	_, _, err = w.Check(context.Background(), p, "scan", nil, nil)
	wantCode(t, err, "changed", "notes.txt")
}

func TestAPlantedFileInTheStoreIsNoticed(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	os.WriteFile(filepath.Join(w.store.path(kindPackages, p.Digest), "tree/bin/helper"), []byte("x"), 0o555)
	_, _, err := w.Check(context.Background(), p, "scan", nil, nil)
	wantCode(t, err, "changed", "bin/helper")
}

// TestADeviceIsRefusedUnopened: to open one can already do something.
func TestADeviceIsRefusedUnopened(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a device")
	}
	w := newWorld(t)
	p := w.admitted("3.1.0")
	u, err := w.AdmitUpdate(t.Context(), p, w.path("stage"), w.document("12.4.0", "the new reader"))
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(w.path("stage/reader.bin"))
	if err := syscall.Mknod(w.path("stage/reader.bin"), syscall.S_IFCHR|0o666, 1<<8|5); err != nil { // as /dev/zero
		t.Skipf("this place has no devices: %v", err)
	}
	_, err = w.AdmitArtifacts(t.Context(), p, u, w.path("stage"))
	wantCode(t, err, "not_regular", "a device")
	os.Rename(w.path("stage/reader.bin"), w.path("pkg/v3.1.0/share/notes.txt"))
	os.RemoveAll(w.store.path(kindPackages, p.Digest))
	_, err = w.Admit(t.Context(), w.path("pkg/v3.1.0"))
	wantCode(t, err, "not_regular", "notes.txt")
}

// TestAStoreThatOthersCouldChangeStartsNothing: whoever may write to a directory
// of it could have put other bytes there.
func TestAStoreThatOthersCouldChangeStartsNothing(t *testing.T) {
	for name, spoil := range map[string]func(tree string) error{
		"a directory that others may write": func(tree string) error { return os.Chmod(filepath.Join(tree, "bin"), 0o777) },
		"the tree itself":                   func(tree string) error { return os.Chmod(tree, 0o775) },
		"the entry":                         func(tree string) error { return os.Chmod(filepath.Dir(tree), 0o777) },
		"a file that others may write":      func(tree string) error { return os.Chmod(filepath.Join(tree, "bin/updater"), 0o757) },
		"a file of somebody else": func(tree string) error {
			if os.Getuid() != 0 {
				return os.Chmod(tree, 0o777) // the nearest thing without root
			}
			return os.Chown(filepath.Join(tree, "bin/updater"), 12345, -1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.admitted("3.1.0")
			if _, _, err := w.Check(t.Context(), p, "scan", nil, nil); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(w.store.path(kindPackages, p.Digest), "tree")); err != nil {
				t.Fatal(err)
			}
			_, _, err := w.Check(t.Context(), p, "scan", nil, nil)
			wantCode(t, err, "unsafe_permissions")
		})
	}
}

func TestGCKeepsWhatIsAskedForAndNothingElse(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	u, a := w.staged(p, "12.4.0", "x")
	w.mkdir("state/store/tmp/new-left-by-a-crash")
	if err := w.GC([]string{p.Digest, u.Digest}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Package(p.Digest); err != nil {
		t.Error(err)
	}
	if _, err := w.Artifacts(a.Digest); Code(err) != "not_stored" {
		t.Errorf("artifacts: got %v", err)
	}
	if left, _ := os.ReadDir(w.path("state/store/tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheQuotaHoldsBeforeAnythingIsCopied(t *testing.T) {
	w := newWorld(t)
	w.opt.StoreLimit = 4096
	w.open()
	p := w.admitted("3.1.0")
	u, err := w.AdmitUpdate(context.Background(), p, w.path("stage"), w.document("12.4.0", strings.Repeat("x", 5000)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.AdmitArtifacts(context.Background(), p, u, w.path("stage"))
	wantCode(t, err, "no_space", "limit of 4096")
}
