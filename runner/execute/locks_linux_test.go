package execute

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOnlyAWaiterOutsideOfTheTreeCounts(t *testing.T) {
	inside := func(pid int) bool { return pid == 7 || pid == 8 }
	for _, c := range []struct {
		name, locks string
		want        bool
	}{
		{"nobody waits", "1: POSIX  ADVISORY  WRITE 7 fe:00:1 0 EOF\n2: FLOCK  ADVISORY  WRITE 9 fe:00:2 0 EOF\n", false},
		{"the user waits for ours", "1: POSIX  ADVISORY  WRITE 7 fe:00:1 0 EOF\n1: -> POSIX  ADVISORY  WRITE 99 fe:00:1 0 EOF\n", true},
		{"somebody our namespace cannot name waits", "1: FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 0 fe:00:1 0 EOF\n", true},
		{"ours wait for each other", "1: POSIX  ADVISORY  WRITE 7 fe:00:1 0 EOF\n1: -> POSIX  ADVISORY  WRITE 8 fe:00:1 0 EOF\n", false},
		{"ours waits for the user", "1: POSIX  ADVISORY  WRITE 99 fe:00:1 0 EOF\n1: -> POSIX  ADVISORY  WRITE 7 fe:00:1 0 EOF\n", false},
		{"a lock without an owner", "1: OFDLCK ADVISORY  WRITE -1 fe:00:1 0 EOF\n1: -> OFDLCK ADVISORY  WRITE -1 fe:00:1 0 EOF\n", false},
	} {
		if got := blocksOthers(c.locks, inside); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAFrozenHolderOfALockIsThawedForWhoWaits(t *testing.T) {
	x, dir := newExecutor(t), openDir(t)
	s := specIn(t, dir)
	lock := filepath.Join(s.StateDir, "lock")
	p := begun(t, x, s, behaving(t, "lock", lock))
	appears(t, lock)
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(lock)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make(chan error, 1)
	go func() { got <- unix.Flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case err := <-got:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the user waits for a lock of a frozen updater")
		_ = p.Kill()
	}
}
