package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	fileName     = "journal.jsonl"
	reserveName  = "journal.reserve"
	reserveBytes = 64 << 10
	maxLine      = 4 << 20 // a scan of 256 updates with their opaque state
)

// Kinds that the journal itself writes.
const (
	KindRecovered  = "recovered"
	KindCheckpoint = "checkpoint"
)

// Record is one line of the journal.
type Record struct {
	Seq  uint64          `json:"seq"`  // from 1, without gaps
	Time time.Time       `json:"time"` // UTC
	Boot string          `json:"boot"` // identity of the boot that wrote it
	Kind string          `json:"kind"`
	Prev string          `json:"prev"` // SHA-256 of the line before, hex
	Body json.RawMessage `json:"body"`
}

// Options of Open.
type Options struct {
	Dir             string           // required; must exist and be writable
	Now             func() time.Time // nil: time.Now
	Boot            string           // identity of this boot
	CheckpointEvery int              // records between checkpoints; 0: 256
	Syslog          func(string)     // told each checkpoint, one note; may be nil
	Logger          *slog.Logger     // nil: discard
}

// Journal is an open journal. It is safe for concurrent use; one process may
// have it open for writing at a time, which the daemon's lock sees to.
type Journal struct {
	opt Options
	log *slog.Logger

	mu       sync.Mutex
	file     *os.File
	head     head
	last     Record
	since    int // records since the last checkpoint
	signedAt time.Time
	salvaged []Record
	flushes  int
	signer   *checkpointer
	reserve  bool
}

// head names the last line: what the next one chains to.
type head struct {
	seq  uint64
	hash string
	size int64 // bytes of the file up to and with that line
}

// Open opens or makes the journal of o.Dir and repairs what a crash left: a
// torn last line is dropped, damage is cut off and the whole damaged file kept
// beside. Either is recorded.
func Open(o Options) (*Journal, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = 256
	}
	j := &Journal{opt: o, log: o.Logger}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if j.signer, err = openCheckpointer(o.Dir); err != nil {
		return nil, err
	}
	if err := j.open(); err != nil {
		return nil, err
	}
	j.refillReserve()
	return j, nil
}

func (j *Journal) path() string { return filepath.Join(j.opt.Dir, fileName) }

func (j *Journal) open() error {
	found, err := inspect(j.path(), func(r Record) { j.last = r })
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	note, err := j.repair(found)
	if err != nil {
		return fmt.Errorf("repair the journal: %w", err)
	}
	j.file, err = os.OpenFile(j.path(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	if found.empty {
		if err := syncDir(j.opt.Dir); err != nil {
			return err
		}
	}
	j.head = found.head
	if note != nil {
		j.log.Warn("the journal was repaired", "what", note.What, "place", note.Place)
		_, err = j.Append(KindRecovered, note)
	}
	return err
}

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

// Salvaged returns the records that lay behind damage found by Open. They are
// not part of the journal any more; the caller decides how careful to be.
func (j *Journal) Salvaged() []Record { return j.salvaged }

// Append writes one record and returns when it is on disk. On an error nothing
// was promised: the line is not part of the journal.
func (j *Journal) Append(kind string, body any) (Record, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Record{}, fmt.Errorf("encode a %s record: %w", kind, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	rec, err := j.append(kind, raw)
	if err != nil {
		return Record{}, err
	}
	j.since++
	if kind != KindCheckpoint && j.since >= j.opt.CheckpointEvery {
		if err := j.checkpoint(); err != nil {
			j.log.Error("could not write a checkpoint", "err", err)
		}
	}
	return rec, nil
}

func (j *Journal) append(kind string, body json.RawMessage) (Record, error) {
	if j.file == nil {
		return Record{}, errors.New("the journal is closed")
	}
	rec := Record{Seq: j.head.seq + 1, Time: j.opt.Now().UTC(), Boot: j.opt.Boot, Kind: kind, Prev: j.head.prev(), Body: body}
	line, err := json.Marshal(rec)
	if err != nil {
		return Record{}, err
	}
	if len(line) >= maxLine {
		return Record{}, fmt.Errorf("a %s record of %d bytes is longer than a line may be (%d)", kind, len(line), maxLine)
	}
	if err := j.write(append(line, '\n')); err != nil {
		return Record{}, err
	}
	j.head = head{seq: rec.Seq, hash: hashOf(line), size: j.head.size + int64(len(line)) + 1}
	j.last = rec
	return rec, nil
}

// write adds one line and flushes it. A full disk gives back the reserve once,
// so that the end of what is running can still be recorded. A failed write is
// cut off again: what was not acknowledged must not be found later.
func (j *Journal) write(line []byte) error {
	err := j.writeOnce(line)
	if isFull(err) && j.reserve {
		j.reserve = false
		os.Remove(filepath.Join(j.opt.Dir, reserveName))
		j.log.Error("the disk is full; using the journal's reserve", "dir", j.opt.Dir)
		err = j.writeOnce(line)
	}
	return err
}

func (j *Journal) writeOnce(line []byte) error {
	if _, err := j.file.Write(line); err != nil {
		return errors.Join(fmt.Errorf("write the journal: %w", err), j.file.Truncate(j.head.size))
	}
	j.flushes++
	if err := flush(j.file); err != nil {
		return errors.Join(fmt.Errorf("flush the journal: %w", err), j.file.Truncate(j.head.size))
	}
	return nil
}

// refillReserve keeps some blocks of the disk for hard times.
func (j *Journal) refillReserve() {
	name := filepath.Join(j.opt.Dir, reserveName)
	if info, err := os.Stat(name); err != nil || info.Size() < reserveBytes {
		if err := os.WriteFile(name, make([]byte, reserveBytes), 0o600); err != nil {
			j.log.Warn("no reserve for the journal", "err", err)
			return
		}
	}
	j.reserve = true
}

// Last returns the newest record, the zero Record of an empty journal.
func (j *Journal) Last() Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Flushes returns how often this journal asked the disk to flush.
func (j *Journal) Flushes() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.flushes
}

// Records yields the records from the given number on.
func (j *Journal) Records(from uint64) iter.Seq2[Record, error] { return Read(j.opt.Dir, from) }

// Close writes a checkpoint if anything was added since the last one, and
// closes the file.
func (j *Journal) Close() error {
	err := j.Checkpoint()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return err
	}
	err = errors.Join(err, j.file.Close())
	j.file = nil
	return err
}

// copyFile keeps the evidence: a flushed copy.
func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return errors.Join(err, out.Sync(), out.Close())
}
