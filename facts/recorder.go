package facts

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
// retention, which counts days that have a record: however wrong a clock is, and
// however long the machine was off, nothing is removed before its time. Records
// are in the order in which they were made, which after the clock was set is not
// the order of their times. A Recorder is for one goroutine.
type Recorder struct {
	path string
	file *os.File
	last map[string]any
	used int64          // size of file
	days map[int64]bool // that have a record in it, since 1970
}

// Limits of a record: what DESIGN.md promises.
const (
	recordDays = 60
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

// OpenRecorder opens or makes the record in dir. It keeps 60 days of use and at
// most 5 MB.
func OpenRecorder(dir string) (*Recorder, error) {
	r := &Recorder{path: filepath.Join(dir, "facts.jsonl")}
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
	r.days = map[int64]bool{}
	for rec := range readRecords(r.path) {
		r.days[dayOf(rec.Time)] = true
	}
	return nil
}

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

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
	r.days[dayOf(s.At())] = true
	return nil
}

// rotate starts a new file when the current one has used half of the space or
// of the days, which takes the place of the one before.
func (r *Recorder) rotate(now time.Time) error {
	if r.used < recordSize/2 && (r.days[dayOf(now)] || len(r.days) < recordDays/2) {
		return nil
	}
	if err := errors.Join(r.file.Close(), os.Rename(r.path, r.path+".1")); err != nil {
		return err
	}
	return r.open()
}

// endOfTime is later than any record.
var endOfTime = time.Unix(1<<40, 0)

// Close closes the file.
func (r *Recorder) Close() error { return r.file.Close() }

// coarse is a snapshot by ID, with numbers rounded to what is worth a line.
func coarse(s Snapshot) map[string]any {
	out := map[string]any{}
	for f, d := range declared {
		switch c, ok := s.cell(fact(f)); {
		case !ok:
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
