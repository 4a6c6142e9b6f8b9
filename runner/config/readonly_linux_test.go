package config

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mounted is a root whose state directory is a filesystem of its own.
func mounted(t *testing.T, flags uintptr, options string) Paths {
	t.Helper()
	p := ResolvePaths(shortDir(t))
	if err := os.MkdirAll(p.State, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("lull-test", p.State, "tmpfs", flags, options); err != nil {
		t.Skipf("only root with mount rights can mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(p.State, unix.MNT_DETACH) })
	return p
}

func TestAStateDirectoryOnAReadOnlyFilesystemIsRefusedWithARemedy(t *testing.T) {
	if err := Prepare(mounted(t, unix.MS_RDONLY, "")); err == nil || !strings.Contains(err.Error(), "remount") {
		t.Errorf("got %v", err)
	}
}

func TestAFullDiskDoesNotKeepTheDaemonFromStarting(t *testing.T) {
	p := mounted(t, 0, "nr_inodes=1")
	if f, err := os.CreateTemp(p.State, ""); err == nil {
		f.Close()
		t.Fatal("the disk is not full")
	}
	if err := Prepare(p); err != nil {
		t.Errorf("got %v", err)
	}
}
