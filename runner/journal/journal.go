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
	fileName = "journal.jsonl"
	maxLine  = 8 << 20 // a scan of 1 MiB whose every byte takes six when escaped
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
	broken   error // set when nothing more may be written
	reserve  reserve
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
	j.reserve = newReserve(o.Dir)
	if err := j.reserve.fill(); err != nil {
		j.log.Warn("no reserve for the journal on a full disk", "err", err)
	}
	return j, nil
}

func (j *Journal) path() string { return filepath.Join(j.opt.Dir, fileName) }

func (j *Journal) open() error {
	var work Record // the newest record that is not a checkpoint
	found, err := inspect(j.path(), func(r Record) {
		j.last = r
		if j.since++; r.Kind == KindCheckpoint {
			j.since = 0
		} else {
			work = r
		}
	})
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	j.head = found.head
	if err := j.repair(found, work); err != nil {
		return fmt.Errorf("repair the journal: %w", err)
	}
	if err := j.openFile(); err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	if found.damage != nil && found.damage.torn {
		_, err = j.Append(KindRecovered, j.recovered(found))
	}
	return err
}

func (j *Journal) openFile() (err error) {
	j.file, err = os.OpenFile(j.path(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	if j.head.seq == 0 {
		return syncDir(j.opt.Dir) // the file may be new
	}
	return nil
}

// Salvaged returns the records that lay behind damage found by Open, or found
// by an earlier Open after which nothing else was recorded. They are not part
// of the journal any more; the caller decides how careful to be.
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
	if j.broken != nil {
		return Record{}, j.broken
	}
	rec, line, err := j.next(kind, body)
	if err != nil {
		return Record{}, err
	}
	if err := j.writeOrSpend(kind, line); err != nil {
		return Record{}, err
	}
	j.follow(rec, line)
	return rec, nil
}

// next makes the record that follows the head, and its line.
func (j *Journal) next(kind string, body json.RawMessage) (Record, []byte, error) {
	rec := Record{Seq: j.head.seq + 1, Time: j.opt.Now().Round(0).UTC(), Boot: j.opt.Boot, Kind: kind, Prev: j.head.prev(), Body: body}
	line, err := json.Marshal(rec)
	if err != nil {
		return Record{}, nil, err
	}
	if len(line) >= maxLine {
		return Record{}, nil, fmt.Errorf("a %s record of %d bytes is longer than a line may be (%d)", kind, len(line), maxLine)
	}
	return rec, append(line, '\n'), nil
}

// follow makes a line that is on disk the head.
func (j *Journal) follow(rec Record, line []byte) {
	j.head = head{seq: rec.Seq, hash: hashOf(line[:len(line)-1]), size: j.head.size + int64(len(line))}
	j.last = rec
}

// write adds one line and flushes it. A line that was not acknowledged is cut
// off again, so that nobody finds it later; where even that fails, the journal
// takes nothing more, for the next line would follow a broken one.
func (j *Journal) write(line []byte) error {
	_, err := j.file.Write(line)
	if err == nil {
		j.flushes++
		err = flush(j.file)
	}
	if err == nil {
		return nil
	}
	if cut := j.file.Truncate(j.head.size); cut != nil {
		j.broken = fmt.Errorf("the journal in %s could not be repaired after a failed write: %w; free or mend the disk, then restart lull", j.opt.Dir, cut)
		return errors.Join(err, j.broken)
	}
	return fmt.Errorf("write the journal in %s: %w", j.opt.Dir, err)
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
