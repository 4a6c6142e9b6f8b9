package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
func Acquire(p Paths) (*Lock, error) {
	name := filepath.Join(p.State, "lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, unusable(p.State, err)
	}
	taken, err := tryLock(file)
	if err != nil || !taken {
		pid, _ := os.ReadFile(name)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		return nil, &LockedError{Root: p.Base(), PID: strings.TrimSpace(string(pid))}
	}
	if err := file.Truncate(0); err == nil {
		fmt.Fprintln(file, os.Getpid()) // for LockedError; on a full disk it stays empty
	}
	return &Lock{file}, nil
}

// Release gives the lock back. The file stays: removing it would let two
// daemons hold locks on two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
