//go:build unix

package config

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// orphan makes a lock that is held only by a process its owner had forked: the
// lock file names one that is gone.
func orphan(t *testing.T, p Paths, seconds string) {
	t.Helper()
	if err := Prepare(p); err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	lock, err := Acquire(p)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", seconds)
	child.ExtraFiles = []*os.File{lock.file}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.State, "lock"), strconv.Itoa(gone.Process.Pid)+"\n")
}

func TestALockThatOnlyAForkedProcessStillHoldsIsWaitedFor(t *testing.T) {
	p := ResolvePaths(shortDir(t))
	orphan(t, p, "0.3")
	lock, err := Acquire(p)
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
}

func TestALockIsNotWaitedForForEver(t *testing.T) {
	p := ResolvePaths(shortDir(t))
	orphan(t, p, "60")
	start := time.Now()
	var e *LockedError
	if _, err := Acquire(p); !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took < orphanWait || took > 10*orphanWait {
		t.Errorf("gave up after %v, want %v", took, orphanWait)
	}
}
