package facts

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"time"
)

// Recorder appends facts to a file when they change, for later replay. The
// file holds one JSON object a line: {"t": unix seconds, "f": {id: value}}, in
// which null means that the fact became unknown. A line that was torn by a crash
// is dropped at the next start. Two files are kept, each with half of the
// retention; a file without a record of the last 60 days is removed. Records
// are in the order in which they were made, which after the clock was set is not
// the order of their times. A Recorder is for one goroutine.
type Recorder struct {
	path  string
	keep  time.Duration
	size  int64
	file  *os.File
	last  map[string]any
	used  int64     // size of file
	first time.Time // its earliest time; zero: it has none
	older time.Time // the latest time of the file before; zero: there is none
}

// Limits of a record: what DESIGN.md promises.
const (
	recordKeep = 60 * 24 * time.Hour
	recordSize = 5 << 20
)

// Record is one entry of a Recorder's file: the facts that changed at Time.
type Record struct {
	Time  time.Time
	Facts map[string]any // fact ID to value; nil = became unknown
}

type recordLine struct {
	T int64          `json:"t"`
	F map[string]any `json:"f"`
}

// OpenRecorder opens or makes the record in dir. It keeps 60 days and at most
// 5 MB.
func OpenRecorder(dir string) (*Recorder, error) {
	r := &Recorder{path: filepath.Join(dir, "facts.jsonl"), keep: recordKeep, size: recordSize}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return r, r.open()
}

// open opens the current file and cuts a torn last line off.
func (r *Recorder) open() error {
	f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, recordSize))
	if err == nil {
		whole := int64(bytes.LastIndexByte(data, '\n') + 1)
		err = errors.Join(f.Truncate(whole), seekTo(f, whole))
	}
	if err != nil {
		f.Close()
		return err
	}
	r.file, r.last = f, nil // the first record after a start is a full one
	r.used = int64(bytes.LastIndexByte(data, '\n') + 1)
	r.first, _ = r.times(r.path, time.Time{}, endOfTime)
	_, r.older = r.times(r.path+".1", time.Time{}, endOfTime)
	return nil
}

func seekTo(f *os.File, at int64) error {
	_, err := f.Seek(at, io.SeekStart)
	return err
}

// Add records what changed since the last snapshot. Quantities that change all
// the time are recorded in coarse steps.
func (r *Recorder) Add(s Snapshot) error {
	if err := r.rotate(s.At()); err != nil {
		return err
	}
	now := coarse(s)
	changed := map[string]any{}
	for id, v := range now {
		if old, ok := r.last[id]; !ok || !reflect.DeepEqual(old, v) {
			changed[id] = v
		}
	}
	if len(changed) == 0 {
		return nil
	}
	line, err := json.Marshal(recordLine{s.At().Unix(), changed})
	if err != nil {
		return err
	}
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		// What is torn must not run into the next record.
		return errors.Join(err, r.file.Truncate(r.used), seekTo(r.file, r.used))
	}
	r.last, r.used = now, r.used+int64(len(line))+1
	if r.first.IsZero() || s.At().Before(r.first) { // earlier: the clock was set back
		r.first = s.At()
	}
	return nil
}

// rotate starts a new file when the current one has used half of the space or
// of the time, and removes what is older than all of the time.
func (r *Recorder) rotate(now time.Time) error {
	if !r.older.IsZero() && now.Sub(r.older) > r.keep {
		if err := os.Remove(r.path + ".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.older = time.Time{}
	}
	full := r.used >= r.size/2
	if !full && (r.first.IsZero() || now.Sub(r.first) < r.keep/2) {
		return nil
	}
	// A record may bear an impossible time, from before the clock was set right:
	// it does not make the file old.
	first, last := r.times(r.path, now.Add(-r.keep), now)
	switch {
	case !full && !last.IsZero() && now.Sub(first) < r.keep/2:
		r.first = first
		return nil
	case !full && last.IsZero():
		if err := errors.Join(r.file.Close(), os.Remove(r.path)); err != nil {
			return err
		}
		return r.open()
	}
	if err := errors.Join(r.file.Close(), os.Rename(r.path, r.path+".1")); err != nil {
		return err
	}
	return r.open()
}

// endOfTime is later than any record.
var endOfTime = time.Unix(1<<40, 0)

// times returns the earliest and the latest time in a file after one and up to
// another; zero when there is none.
func (r *Recorder) times(path string, after, upTo time.Time) (first, last time.Time) {
	for rec := range readRecords(path) {
		if !rec.Time.After(after) || rec.Time.After(upTo) {
			continue
		}
		if first.IsZero() || rec.Time.Before(first) {
			first = rec.Time
		}
		if rec.Time.After(last) {
			last = rec.Time
		}
	}
	return first, last
}

// Close closes the file.
func (r *Recorder) Close() error { return r.file.Close() }

// coarse is a snapshot by ID, with numbers rounded to what is worth a line.
func coarse(s Snapshot) map[string]any {
	out := map[string]any{}
	for f, d := range declared {
		switch c := s.cell(fact(f)); {
		case c == nil:
		case c.state != cellKnown:
			out[string(d.ID)] = nil
		default:
			out[string(d.ID)] = coarseValue(d, c.any(d))
		}
	}
	for name, v := range s.local {
		out[string(LocalFacts)+"."+name] = v.V // nil unless it is known
	}
	return out
}

// coarseValue rounds durations and sizes down to a power of two, and shares and
// depths to a tenth, so that no idle time is recorded as longer than it was.
func coarseValue(d Desc, v any) any {
	switch v := v.(type) {
	case int64:
		if d.Unit == "seconds" || d.Unit == "bytes" {
			return powerOfTwo(v)
		}
	case float64:
		return float64(int64(v*10)) / 10
	}
	return v
}

func powerOfTwo(v int64) int64 {
	p := int64(1)
	for p <= v/2 {
		p *= 2
	}
	return min(p, v)
}

// ReadRecords yields the records in dir since a time, oldest first. Lines that
// cannot be read are left out.
func ReadRecords(dir string, since time.Time) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		path := filepath.Join(dir, "facts.jsonl")
		for _, file := range []string{path + ".1", path} {
			for rec := range readRecords(file) {
				if !rec.Time.Before(since) && !yield(rec) {
					return
				}
			}
		}
	}
}

func readRecords(file string) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		f, err := os.Open(file)
		if err != nil {
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(make([]byte, 64<<10), 1<<20)
		for lines.Scan() {
			if rec, ok := parseRecord(lines.Bytes()); ok && !yield(rec) {
				return
			}
		}
	}
}

func parseRecord(data []byte) (Record, bool) {
	var l recordLine
	if json.Unmarshal(data, &l) != nil || l.F == nil || l.T < 0 || l.T >= endOfTime.Unix() {
		return Record{}, false
	}
	return Record{time.Unix(l.T, 0), l.F}, true
}
