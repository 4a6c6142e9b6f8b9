package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk is a filesystem of one megabyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("lull-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("only root with mount rights can make a small filesystem: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fillDisk writes until nothing fits any more.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !isFull(err) {
		t.Fatal(err)
	}
	return name
}

func TestOnAFullDiskTheEndOfAnActionIsStillRecordedAndNothingBegins(t *testing.T) {
	dir := smallDisk(t)
	j := open(t, Options{Dir: dir, CheckpointEvery: 1 << 20})
	if _, err := j.Append("started", body{N: 1}); err != nil {
		t.Fatal(err)
	}
	ballast := fillDisk(t, dir)
	var err error
	for range 100 { // until the file's last page is used up
		if _, err = j.Append("decided", body{Text: string(make([]byte, 100))}); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("decided: got %v, want ErrFull", err)
	}
	if _, err := j.Append("started", body{N: 2, Text: string(make([]byte, 4096))}); !errors.Is(err, ErrFull) {
		t.Fatalf("started: got %v, want ErrFull", err)
	}
	rec, err := j.Append("finished", body{N: 1, Text: string(make([]byte, 8192))})
	if err != nil {
		t.Fatalf("finished: %v", err)
	}
	if got := j.Last(); got.Seq != rec.Seq {
		t.Errorf("Last is %d, want %d", got.Seq, rec.Seq)
	}
	j.file.Close()
	again := open(t, Options{Dir: dir})
	if again.Last().Seq != rec.Seq || again.Salvaged() != nil {
		t.Errorf("opened again: %+v", again.Last())
	}
	os.Remove(ballast)
	again.Idle()
	if !again.reserve.held {
		t.Error("the reserve was not taken again once there was room")
	}
}
