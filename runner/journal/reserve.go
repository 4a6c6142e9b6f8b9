package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const (
	reserveName  = "journal.reserve"
	reserveBytes = 256 << 10
)

// endings are the kinds that may spend the reserve: they say how something
// ended or was taken away. Whatever begins new work waits for a disk with room.
var endings = []string{
	"finished", "frozen", "thawed", "interrupted", "needs_attention", "canceled", "quarantined",
	"refused", "held", "revoked", "unregistered", KindRecovered,
}

// ErrFull says that a record did not fit on the disk. Nothing was recorded.
var ErrFull = errors.New("the disk is full; free some space below the state directory")

// reserve is a file that holds blocks of the disk for hard times. It is safe
// for use by one goroutine at a time.
type reserve struct {
	path string
	held bool
}

func newReserve(dir string) reserve { return reserve{path: filepath.Join(dir, reserveName)} }

// fill takes the blocks, unless they are held already.
func (r *reserve) fill() error {
	if r.held {
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(allocate(f, reserveBytes), f.Close()); err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	r.held = true
	return nil
}

// spend gives the blocks back to the disk. It reports whether there were any.
func (r *reserve) spend() bool {
	if !r.held {
		return false
	}
	r.held = false
	return os.Remove(r.path) == nil
}

// writeOrSpend writes a line; on a full disk, an ending spends the reserve.
func (j *Journal) writeOrSpend(kind string, line []byte) error {
	err := j.write(line)
	if !isFull(err) || j.broken != nil {
		return err
	}
	if slices.Contains(endings, kind) && j.reserve.spend() {
		j.log.Error("the disk is full; using the journal's reserve", "dir", j.opt.Dir, "kind", kind)
		if err = j.write(line); !isFull(err) {
			return err
		}
	}
	return fmt.Errorf("record %s: %w (%w)", kind, ErrFull, err)
}
