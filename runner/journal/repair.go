package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// recoveredBody says what was wrong and where the evidence is.
type recoveredBody struct {
	What  string `json:"what"`            // torn or damaged
	Place string `json:"place"`           // file, line and byte
	Why   string `json:"why,omitempty"`   // what is wrong there
	Bytes int64  `json:"bytes"`           // cut off
	Kept  string `json:"kept,omitempty"`  // name of the damaged file, whole
	Later int    `json:"later,omitempty"` // records behind the damage that could still be read
}

const damaged = "damaged"

func (j *Journal) recovered(f finding) *recoveredBody {
	j.log.Warn("the journal was repaired", "place", f.damage.Place(), "why", f.damage.Why)
	return &recoveredBody{What: "torn", Place: f.damage.Place(), Why: f.damage.Why, Bytes: f.size - f.head.size}
}

// repair leaves a file of good lines only. work is its newest record but for
// checkpoints.
func (j *Journal) repair(f finding, work Record) error {
	switch {
	case f.damage == nil:
		return j.salvageAgain(work)
	case f.damage.torn:
		return truncate(j.path(), f.head.size) // needs no room on the disk
	}
	j.salvaged = f.later
	return j.replaceDamaged(f)
}

// replaceDamaged keeps the damaged file whole under another name and puts its
// good lines in its place, with the record that says so: after a crash on the
// way, the damaged file is still there and found again.
func (j *Journal) replaceDamaged(f finding) error {
	body := j.recovered(f)
	body.What, body.Later = damaged, len(f.later)
	kept, err := j.keep()
	if err != nil {
		return err
	}
	body.Kept = kept
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	rec, line, err := j.next(KindRecovered, raw)
	if err != nil {
		return err
	}
	if err := copyPrefix(j.path(), f.head.size, j.path()+".new", line); err != nil {
		return err
	}
	if err := os.Rename(j.path()+".new", j.path()); err != nil {
		return err
	}
	j.follow(rec, line)
	j.since++
	return syncDir(j.opt.Dir)
}

// salvageAgain reads the kept file once more when a daemon repaired the journal
// and ended before it did anything else, perhaps before it had looked.
func (j *Journal) salvageAgain(work Record) error {
	var body recoveredBody
	if work.Kind != KindRecovered || json.Unmarshal(work.Body, &body) != nil || body.What != damaged {
		return nil
	}
	f, err := inspect(filepath.Join(j.opt.Dir, filepath.Base(body.Kept)), func(Record) {})
	j.salvaged = f.later
	return err
}

// keep gives the journal's file a second name.
func (j *Journal) keep() (string, error) {
	base := fmt.Sprintf("%s.damaged-%s", fileName, j.opt.Now().UTC().Format("20060102T150405"))
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		path := filepath.Join(j.opt.Dir, name)
		err := os.Link(j.path(), path)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil { // a filesystem without links
			err = copyPrefix(j.path(), 1<<62, path, nil)
		}
		return name, err
	}
}

// copyPrefix writes the first bytes of a file, and then tail, to a new one.
func copyPrefix(from string, size int64, to string, tail []byte) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, size))
	if err == nil {
		_, err = out.Write(tail)
	}
	return errors.Join(err, out.Sync(), out.Close())
}

func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}
