package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Lock makes its holder the only daemon of a root. The system gives it back
// when the process ends, however it ends.
type Lock struct{ file *os.File }

// LockedError says that another daemon has the root.
type LockedError struct {
	Root string
	PID  string // "" when it did not say
}

// Error names the other daemon and how to stop it.
func (e *LockedError) Error() string {
	who := "another lull"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("%s already runs on %s; %s, or use another --root", who, e.Root, e.stop())
}

func (e *LockedError) stop() string {
	switch {
	case e.Root == string(filepath.Separator):
		return "stop it with systemctl stop lull"
	case e.PID != "":
		return "stop it with kill " + e.PID
	}
	return "stop it first"
}

// Acquire takes the lock of p's state directory. It fails with *LockedError
// when a daemon has it.
//
// A daemon that was killed while it was starting a program leaves the lock, for
// the moments until that program takes over, to the process forked for it
// (flock(2): a lock is shared by all copies of the descriptor). So a lock whose
// owner is no more is waited for, and one whose owner lives is not.
func Acquire(p Paths) (*Lock, error) {
	name := filepath.Join(p.State, "lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, unusable(p.State, err)
	}
	for end := time.Now().Add(orphanWait); ; time.Sleep(orphanPoll) {
		taken, err := tryLock(file)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
		}
		if taken {
			return own(file), nil
		}
		pid := owner(name)
		if isAlive(pid) || time.Now().After(end) {
			return nil, errors.Join(&LockedError{Root: p.Base(), PID: pid}, file.Close())
		}
	}
}

// How long, and how often, to look whether an orphaned lock is given back.
const (
	orphanWait = 3 * time.Second
	orphanPoll = 10 * time.Millisecond
)

// own writes who has the lock, for LockedError; on a full disk it says nobody.
func own(file *os.File) *Lock {
	if err := file.Truncate(0); err == nil {
		fmt.Fprintln(file, os.Getpid())
	}
	return &Lock{file}
}

// owner is the process that the lock file names, "" for none.
func owner(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Release gives the lock back. The file stays: removing it would let two
// daemons hold locks on two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
