package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Damage says where a journal stops being what was written, and why.
type Damage struct {
	File   string
	Line   int   // from 1
	Offset int64 // of the first byte of that line
	Why    string
	torn   bool
}

// Error names the place and the reason.
func (d *Damage) Error() string { return d.Place() + ": " + d.Why }

// Place is file, line and byte.
func (d *Damage) Place() string { return fmt.Sprintf("%s:%d (byte %d)", d.File, d.Line, d.Offset) }

var firstPrev = strings.Repeat("0", 64)

func (h head) prev() string {
	if h.seq == 0 {
		return firstPrev
	}
	return h.hash
}

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// finding is what one pass over the file found.
type finding struct {
	head   head    // of the good part
	size   int64   // of the whole file
	damage *Damage // nil: none
	later  []Record
	empty  bool
}

// inspect reads the whole file, calls each for every good record, and stops
// believing at the first line that is not what follows from the one before.
func inspect(path string, each func(Record)) (finding, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return finding{empty: true}, nil
	}
	if err != nil {
		return finding{}, err
	}
	defer file.Close()
	return inspectLines(file, path, each)
}

func inspectLines(r io.Reader, path string, each func(Record)) (finding, error) {
	f := finding{empty: true}
	for l := range lines(r, path) {
		f.empty = false
		f.size += l.bytes
		if l.err != nil {
			return f, l.err
		}
		if f.damage != nil {
			if rec, err := parseRecord(l.text); err == nil && rec.Kind != "" {
				f.later = append(f.later, rec)
			}
			continue
		}
		rec, why := follow(f.head, l)
		if why != "" {
			f.damage = &Damage{File: path, Line: l.number, Offset: f.size - l.bytes, Why: why, torn: l.torn}
			continue
		}
		f.head = head{seq: rec.Seq, hash: hashOf(l.text), size: f.size}
		each(rec)
	}
	if f.damage != nil && len(f.later) > 0 {
		f.damage.torn = false
	}
	return f, nil
}

// follow checks that a line is the next one after h.
func follow(h head, l line) (Record, string) {
	var rec Record
	if l.torn {
		return rec, "the last line is not complete; it was never acknowledged"
	}
	if l.long {
		return rec, fmt.Sprintf("the line is longer than %d bytes", maxLine)
	}
	rec, err := parseRecord(l.text)
	if err != nil {
		return rec, "the line is not a JSON record: " + err.Error()
	}
	if rec.Seq != h.seq+1 {
		return rec, fmt.Sprintf("record %d follows record %d", rec.Seq, h.seq)
	}
	if rec.Prev != h.prev() {
		return rec, fmt.Sprintf("record %d does not chain to the line before it: either was changed", rec.Seq)
	}
	return rec, ""
}

// line is one line of the file without its newline.
type line struct {
	text   []byte
	bytes  int64 // with the newline
	number int
	torn   bool // no newline at the end
	long   bool
	err    error
}

// lines yields the lines of r; none is held longer than maxLine.
func lines(r io.Reader, path string) iter.Seq[line] {
	return func(yield func(line) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for number := 1; ; number++ {
			l := line{number: number}
			for {
				part, err := br.ReadSlice('\n')
				l.bytes += int64(len(part))
				if len(l.text)+len(part) <= maxLine {
					l.text = append(l.text, part...)
				} else {
					l.long = true
				}
				if errors.Is(err, bufio.ErrBufferFull) {
					continue
				}
				if err != nil && !errors.Is(err, io.EOF) {
					l.err = fmt.Errorf("%s: %w", path, err)
				}
				l.torn = errors.Is(err, io.EOF)
				break
			}
			if l.torn && l.bytes == 0 && l.err == nil {
				return
			}
			l.text = bytes.TrimSuffix(l.text, []byte{'\n'})
			if !yield(l) || l.torn || l.err != nil {
				return
			}
		}
	}
}

// Read yields the records of the journal in dir from the given number on. It
// needs no daemon and takes no lock: a line that is just being written is not
// yielded. Damage ends it with a *Damage error.
func Read(dir string, from uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		path := filepath.Join(dir, fileName)
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		defer file.Close()
		var h head
		for l := range lines(file, path) {
			if l.err != nil {
				yield(Record{}, l.err)
				return
			}
			if l.torn {
				return
			}
			rec, why := follow(h, l)
			if why != "" {
				yield(Record{}, &Damage{File: path, Line: l.number, Offset: h.size, Why: why})
				return
			}
			h = head{seq: rec.Seq, hash: hashOf(l.text), size: h.size + l.bytes}
			if rec.Seq >= from && !yield(rec, nil) {
				return
			}
		}
	}
}
