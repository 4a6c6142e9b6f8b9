package execute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What is kept of an attempt, in RunDir/ID.
const (
	lockName   = "lock"           // held (flock) by the supervisor as long as it lives
	begunName  = "begun"          // the boot in which the program was executed
	exitName   = "exit.json"      // the Result, whole or not at all
	socketName = "control.sock"   // the supervisor listens here
	traceName  = "supervisor.log" // the supervisor's own last words, normally empty
)

// writeDurably puts a file in place whole: temporary file, fsync, rename, fsync
// of the directory. dir may be a /proc/self/fd path.
func writeDurably(dir, name string, data []byte) error {
	tmp := filepath.Join(dir, name+".tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeExit(dir string, r Result) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeDurably(dir, exitName, b)
}

// readExit returns nil without an error when there is no exit file.
func readExit(dir string) (*Result, error) {
	b, err := os.ReadFile(filepath.Join(dir, exitName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil || r.Outcome == "" {
		return nil, fmt.Errorf("the exit file in %s is damaged; treat the attempt as one that may have run", dir)
	}
	return &r, nil
}

// hasBegun tells whether the program may have been executed, in any boot.
func hasBegun(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, begunName))
	return err == nil
}

// settle answers Adopt for an attempt whose supervisor is gone.
func settle(dir string, volatile bool) (*Result, AdoptState, error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if volatile {
			return nil, MayHaveRun, nil
		}
		return nil, NeverBegan, nil
	}
	r, err := readExit(dir)
	switch {
	case err != nil:
		return nil, MayHaveRun, err
	case r != nil:
		return r, Ended, nil
	case hasBegun(dir):
		return nil, MayHaveRun, nil
	}
	return nil, NeverBegan, nil
}
