package trust

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestASignedPackageIsStoredAndRuns(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	p := w.admitted("3.1.0")
	if p.ID != "com.example.reader" || p.Vendor != "example" || p.Signer.ID != "2027" {
		t.Fatalf("got package %+v", p)
	}
	v, told, err := w.Check(ctx, p, "scan", nil, nil)
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	if told["verified"] != true || told["checked"] != true || told["error_code"] != "" {
		t.Errorf("got facts %v, want verified", told)
	}
	if err := v.Valid(); err != nil {
		t.Errorf("Valid: %v", err)
	}
	path, args := v.Argv("scan")
	out, err := exec.Command(path, args...).Output()
	if err != nil || string(out) != "reader scan\n" {
		t.Errorf("the stored program printed %q, %v", out, err)
	}
	for name, want := range map[string]os.FileMode{"bin/updater": 0o555, "share/notes.txt": 0o444, "manifest.json": 0o444} {
		info, err := os.Stat(filepath.Join(v.Dir(), name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

func TestAnUpdateGoesFromDocumentToArtifacts(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	u, a := w.staged(p, "12.4.0", "the new reader")
	v, told, err := w.Check(context.Background(), p, "install", u, a)
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(v.ArtifactDir(), "reader.bin"))
	if err != nil || string(data) != "the new reader" {
		t.Errorf("got artifact %q, %v", data, err)
	}
	if got := told["artifacts"].(map[string]any)["binding"]; got != BindingStatement {
		t.Errorf("got binding %v, want statement", got)
	}
	if again, err := w.Update(u.Digest); err != nil || again.Doc.Line() != "reader" {
		t.Errorf("Update(%s) = %+v, %v", u.Digest, again, err)
	}
	if again, err := w.Artifacts(a.Digest); err != nil || len(again.Files) != 1 {
		t.Errorf("Artifacts(%s) = %+v, %v", a.Digest, again, err)
	}
}

func TestAdmittingTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	before, err := os.Stat(w.store.path(kindPackages, p.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admit(context.Background(), w.path("pkg/v3.1.0")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(w.store.path(kindPackages, p.Digest))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the stored package was replaced (%v)", err)
	}
}

func TestARestartFindsWhatWasStored(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	w.Close()
	w.open()
	again, err := w.Package(p.Digest)
	if err != nil || again.Version != "3.1.0" || again.Signer != p.Signer {
		t.Fatalf("Package = %+v, %v; want %+v", again, err, p)
	}
	if _, _, err := w.Check(context.Background(), again, "scan", nil, nil); err != nil {
		t.Errorf("Check: %v", err)
	}
	if _, err := w.Package(hexDigest([]byte("other"))); Code(err) != "not_stored" {
		t.Errorf("a package that was never stored: got %v", err)
	}
}

func TestATarIsAdmittedLikeItsDirectory(t *testing.T) {
	w := newWorld(t)
	dir := w.pack("a", w.manifest("3.1.0"))
	out := w.path("reader.tar")
	if _, err := Pack(context.Background(), PackOptions{Dir: dir, KeyFile: w.path("keys/example.key"), Out: out}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := w.AdmitTar(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Check(context.Background(), p, "scan", nil, nil); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(w.store.dir, "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// counting tells how much of a stream was read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func TestATarThatDoesNotFitIsRefusedBeforeItIsUnpacked(t *testing.T) {
	w := newWorld(t)
	w.opt.StoreLimit = 64 << 10
	w.open()
	for name, sizes := range map[string][]int64{"one large file": {1 << 30}, "many files": slices.Repeat([]int64{16 << 10}, 1000)} {
		t.Run(name, func(t *testing.T) {
			from, to := io.Pipe()
			go func() {
				archive := tar.NewWriter(to)
				for i, size := range sizes {
					archive.WriteHeader(&tar.Header{Name: fmt.Sprint("file", i), Mode: 0o644, Size: size, Typeflag: tar.TypeReg})
					if _, err := io.CopyN(archive, zeros{}, size); err != nil {
						return // nobody reads on
					}
				}
				to.CloseWithError(archive.Close())
			}()
			stream := &counting{r: from}
			_, err := w.AdmitTar(t.Context(), stream)
			from.Close()
			wantCode(t, err, "no_space", "the archive")
			if stream.n > 256<<10 {
				t.Errorf("read %d bytes of it, want no more than the limit and little", stream.n)
			}
			if left, _ := os.ReadDir(w.path("state/store/tmp")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
