package trust

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// FuzzManifest claims that a manifest which is accepted is safe to use: its
// paths stay inside, its programs are in the payload, and writing it out and
// reading it again changes nothing.
func FuzzManifest(f *testing.F) {
	w := newWorld(f)
	dir := w.pack("a", w.manifest("3.1.0"))
	good, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{}`))
	f.Add([]byte(strings.Repeat("[", 1000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			if Code(err) == "other" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		for _, file := range m.Payload {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) || strings.Contains(file.Path, "..") && badPath(file.Path) != "" {
				t.Fatalf("path %q escapes", file.Path)
			}
		}
		text, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(text); err != nil {
			t.Fatalf("accepted, but not when written out: %v", err)
		}
	})
}

// FuzzUpdateDocument claims the same of update documents.
func FuzzUpdateDocument(f *testing.F) {
	w := newWorld(f)
	f.Add([]byte(w.read("stage/" + w.document("12.4.0", "x"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseUpdateDocument(data)
		if err != nil {
			return
		}
		if d.Line() == "" {
			t.Fatal("an update without a line")
		}
		for _, a := range d.Artifacts {
			if !filepath.IsLocal(filepath.FromSlash(a.Name)) {
				t.Fatalf("artifact %q escapes", a.Name)
			}
		}
	})
}

// FuzzVendor claims that an accepted vendor file always names a signer and a
// scope.
func FuzzVendor(f *testing.F) {
	f.Add([]byte(vendorYAML))
	for _, tt := range badVendors {
		f.Add([]byte(strings.Replace(vendorYAML, tt.old, tt.new, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ParseVendor("example", data)
		if err == nil && (v.Name != "example" || len(v.Keys)+len(v.Identities) == 0 || len(v.Scopes) == 0) {
			t.Fatalf("accepted %+v", v)
		}
	})
}

// FuzzTar claims that whatever an archive holds, only plain files and
// directories come out, all below the one directory, within the budget.
func FuzzTar(f *testing.F) {
	w := newWorld(f)
	var good bytes.Buffer
	if err := WriteTar(&good, w.pack("a", w.manifest("3.1.0"))); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	for _, h := range []tar.Header{
		{Name: "../out", Typeflag: tar.TypeReg}, {Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		{Name: "/abs", Typeflag: tar.TypeReg}, {Name: "dir/", Typeflag: tar.TypeDir}, {Name: "fifo", Typeflag: tar.TypeFifo},
	} {
		var b bytes.Buffer
		archive := tar.NewWriter(&b)
		archive.WriteHeader(&h)
		archive.Close()
		f.Add(b.Bytes())
	}
	const budget = 1 << 20
	f.Fuzz(func(t *testing.T, data []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = unpack(t.Context(), bytes.NewReader(data), dir, budget)
		var size int64
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if !d.IsDir() {
				size += info.Size()
			}
			if !d.IsDir() && !info.Mode().IsRegular() || path != top && path != dir && !strings.HasPrefix(path, dir+string(filepath.Separator)) {
				t.Errorf("unpacked %s, %v", path, info.Mode())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if size > budget {
			t.Errorf("unpacked %d bytes", size)
		}
	})
}

func bounded(t *testing.T, seconds float64, megabytes uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > megabytes {
		t.Errorf("allocated %d MiB, want at most %d", used, megabytes)
	}
	if took.Seconds() > seconds {
		t.Errorf("took %v, want at most %vs", took, seconds)
	}
}

// TestHostileSizesCostLittle feeds each parser more than it should ever see.
func TestHostileSizesCostLittle(t *testing.T) {
	w := newWorld(t)
	huge := make([]any, 200_000)
	for i := range huge {
		huge[i] = map[string]any{"path": "a", "size": 1}
	}
	many, err := json.Marshal(map[string]any{"apiVersion": "lull/v1", "payload": huge})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"a manifest of 64 MiB":             func() error { _, err := ParseManifest(make([]byte, 64<<20)); return err },
		"a manifest with too many files":   func() error { _, err := ParseManifest(many); return err },
		"a manifest nested a million deep": func() error { _, err := ParseManifest([]byte(strings.Repeat("[", 1<<20))); return err },
		"a vendor file nested deep":        func() error { _, err := ParseVendor("example", []byte(strings.Repeat("[", 9000))); return err },
		"a vendor file with an alias bomb": func() error {
			_, err := ParseVendor("example", []byte("a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n"))
			return err
		},
		"a bundle of 100 MiB": func() error {
			dir := w.pack("a", w.manifest("3.1.0"))
			f, err := os.Create(filepath.Join(dir, "manifest.json.sigstore.json"))
			if err != nil {
				return nil
			}
			f.Truncate(100 << 20)
			f.Close()
			_, err = w.Admit(t.Context(), dir)
			return err
		},
		"a payload file that is said to be small and is not": func() error {
			dir := w.pack("b", w.manifest("3.1.0"))
			os.Truncate(filepath.Join(dir, "share/notes.txt"), 1<<40)
			_, err := w.Admit(t.Context(), dir)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bounded(t, 10, 256, func() {
				if err := f(); err == nil {
					t.Error("accepted")
				} else if len(err.Error()) > 2000 {
					t.Errorf("the error has %d bytes", len(err.Error()))
				}
			})
		})
	}
}
