//go:build unix

package nofollow

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func tree(t *testing.T) (*Dir, string) {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "sub/file"), []byte("x"), 0o644))
	must(os.Symlink("sub/file", filepath.Join(dir, "link")))
	must(os.Symlink("sub", filepath.Join(dir, "dirlink")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	d, err := OpenDir(dir)
	must(err)
	t.Cleanup(func() { d.Close() })
	return d, dir
}

func TestOnlyPlainFilesAreOpened(t *testing.T) {
	d, _ := tree(t)
	for name, open := range map[string]func(string) (*os.File, error){
		"kernel":   d.Open,
		"portable": func(name string) (*os.File, error) { return d.openPortable(name, false) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := open("sub/file")
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			for _, bad := range []string{"link", "dirlink/file", "fifo", "sub", "gone"} {
				if f, err := open(bad); err == nil {
					f.Close()
					t.Errorf("%s was opened", bad)
				} else if bad != "gone" && !errors.Is(err, ErrNotRegular) {
					t.Errorf("%s: got %v, want ErrNotRegular", bad, err)
				}
			}
		})
	}
}

func TestNamesThatLeaveAreNotOpened(t *testing.T) {
	d, dir := tree(t)
	for _, name := range []string{"../x", "/etc/passwd", "sub/../sub/file", ".", "", "sub//file", dir} {
		if f, err := d.Open(name); err == nil {
			f.Close()
			t.Errorf("%q was opened", name)
		}
	}
}

func TestListFollowsNothingAndGivesUp(t *testing.T) {
	d, _ := tree(t)
	got, err := d.List(10)
	if err != nil || len(got) != 5 {
		t.Errorf("got %v, %v; want 5 entries", got, err)
	}
	if _, err := d.List(3); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
}

// TestADirectoryIsOpenedOnce exchanges it by another while it is opened: what is
// listed, looked at and opened is of one directory.
func TestADirectoryIsOpenedOnce(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "dir")
	for _, name := range []string{"dir", "other"} {
		if err := os.Mkdir(filepath.Join(top, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var attacker sync.WaitGroup
	attacker.Go(func() {
		for !stop.Load() {
			os.Rename(path, path+".away")
			os.Rename(filepath.Join(top, "other"), path)
			os.Rename(path+".away", filepath.Join(top, "other"))
		}
	})
	defer attacker.Wait()
	defer stop.Store(true)
	for range 3000 {
		d, err := OpenDir(path)
		if err != nil {
			continue // it was away
		}
		listed, err1 := d.Stat()
		looked, err2 := d.Lstat(".")
		d.Close()
		if err1 != nil || err2 != nil || !os.SameFile(listed, looked) {
			t.Fatalf("two directories in one: %v, %v", err1, err2)
		}
	}
}
