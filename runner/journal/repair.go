package journal

import (
	"errors"
	"fmt"
	"io"
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

// repair cuts the file down to its good lines.
func (j *Journal) repair(f finding) (*recoveredBody, error) {
	if f.damage == nil {
		return nil, nil
	}
	note := &recoveredBody{What: "torn", Place: f.damage.Place(), Why: f.damage.Why, Bytes: f.size - f.head.size}
	if !f.damage.torn {
		note.What, note.Later = "damaged", len(f.later)
		note.Kept = fmt.Sprintf("%s.damaged-%s", fileName, j.opt.Now().UTC().Format("20060102T150405.000"))
		if err := copyFile(j.path(), filepath.Join(j.opt.Dir, note.Kept)); err != nil {
			return nil, err
		}
		j.salvaged = f.later
	}
	file, err := os.OpenFile(j.path(), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return note, errors.Join(file.Truncate(f.head.size), file.Sync(), file.Close())
}

// copyFile keeps the evidence: a flushed copy, which replaces nothing.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close(), syncDir(filepath.Dir(to)))
}
