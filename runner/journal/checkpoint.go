package journal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const (
	keyName    = "journal.key" // private, 0600
	pubName    = "journal.pub" // the verifier key, for auditors
	noteOrigin = "lull-journal"
)

// checkpointer signs heads.
type checkpointer struct {
	signer   note.Signer
	verifier note.Verifier
}

// openCheckpointer loads the journal's key, or makes one at the first start.
func openCheckpointer(dir string) (*checkpointer, error) {
	skey, err := os.ReadFile(filepath.Join(dir, keyName))
	if errors.Is(err, os.ErrNotExist) {
		if skey, err = makeKey(dir); err != nil {
			return nil, fmt.Errorf("make the journal's key: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w; move it away to have a new one made", filepath.Join(dir, keyName), err)
	}
	verifier, err := readVerifier(dir)
	if err != nil {
		return nil, err
	}
	return &checkpointer{signer, verifier}, nil
}

func makeKey(dir string) ([]byte, error) {
	skey, vkey, err := note.GenerateKey(rand.Reader, noteOrigin)
	if err != nil {
		return nil, err
	}
	if err := writeDurably(filepath.Join(dir, pubName), []byte(vkey+"\n"), 0o644); err != nil {
		return nil, err
	}
	return []byte(skey), writeDurably(filepath.Join(dir, keyName), []byte(skey+"\n"), 0o600)
}

func readVerifier(dir string) (note.Verifier, error) {
	path := filepath.Join(dir, pubName)
	vkey, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the journal's public key: %w", err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

func writeDurably(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// checkpointBody is a checkpoint's record: the note over the line before it.
type checkpointBody struct {
	Note string `json:"note"`
}

// Checkpoint signs the present head, unless it is signed already.
func (j *Journal) Checkpoint() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.since == 0 || j.file == nil {
		return nil
	}
	return j.checkpoint()
}

// Idle tells the journal that nothing is happening: a good moment to sign the
// head. What is new is signed once it is older than a minute, so that a busy
// evening does not end in as many checkpoints as it had pauses. It costs a
// comparison when there is nothing to sign.
func (j *Journal) Idle() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return
	}
	if err := j.reserve.fill(); err != nil { // spent on a full disk; perhaps there is room again
		j.log.Debug("still no reserve for the journal", "err", err)
	}
	if j.since == 0 || j.opt.Now().Sub(j.signedAt) < idleGap {
		return
	}
	if err := j.checkpoint(); err != nil {
		j.log.Error("could not write a checkpoint", "err", err)
	}
}

// idleGap is the least time between two checkpoints that Idle asks for.
const idleGap = time.Minute

func (j *Journal) checkpoint() error {
	text := fmt.Sprintf("%s\n%d\n%s\n", noteOrigin, j.head.seq, j.head.hash)
	signed, err := note.Sign(&note.Note{Text: text}, j.signer.signer)
	if err != nil {
		return fmt.Errorf("sign a checkpoint: %w", err)
	}
	body, err := json.Marshal(checkpointBody{string(signed)})
	if err != nil {
		return err
	}
	j.signedAt = j.opt.Now() // a failure, too, is not repeated at once
	if _, err := j.append(KindCheckpoint, body); err != nil {
		return err
	}
	j.since = 0
	if j.opt.Syslog != nil {
		j.opt.Syslog(string(signed))
	}
	return nil
}

// Report is what Verify found.
type Report struct {
	Records     uint64  `json:"records"`
	Head        string  `json:"head"`        // hash of the last line
	Checkpoints int     `json:"checkpoints"` // whose signature and head are right
	Signed      uint64  `json:"signed"`      // records up to the last checkpoint
	Damage      *Damage `json:"damage,omitempty"`
}

// Verify reads the whole journal in dir, with or without a running daemon:
// every line must chain to the one before, and every checkpoint must be signed
// with the journal's key and name the head it stands behind. Checkpoints that
// were kept elsewhere (in the system log) can be given too: the journal must
// still hold exactly the line that each signs, which no rewriting of the files
// on this machine can fake. The error is a *Damage where a line is to blame; a
// torn last line is none.
func Verify(dir string, kept ...string) (Report, error) {
	var rep Report
	verifier, err := readVerifier(dir)
	if err != nil {
		return rep, err
	}
	wanted, err := openNotes(kept, verifier)
	if err != nil {
		return rep, err
	}
	var bad []error
	f, err := inspect(filepath.Join(dir, fileName), func(r Record) {
		rep.Records = r.Seq
		bad = append(bad, wanted.follow(r)...)
		if r.Kind != KindCheckpoint {
			return
		}
		if err := checkNote(r, verifier); err != nil {
			bad = append(bad, err)
			return
		}
		rep.Checkpoints++
		rep.Signed = r.Seq - 1
	})
	rep.Head = f.head.prev()
	bad = append(bad, wanted.end(f.head)...)
	if f.damage != nil && !f.damage.torn {
		rep.Damage = f.damage
		bad = append([]error{f.damage}, bad...)
	}
	return rep, errors.Join(append(bad, err)...)
}

// keptNotes are checkpoints from elsewhere: the hash that line seq must have.
type keptNotes map[uint64]string

func openNotes(texts []string, v note.Verifier) (keptNotes, error) {
	kept := keptNotes{}
	for _, text := range texts {
		n, err := note.Open([]byte(text), note.VerifierList(v))
		if err != nil {
			return nil, fmt.Errorf("the checkpoint given is not signed with this journal's key: %w", err)
		}
		var seq uint64
		var hash string
		if _, err := fmt.Sscanf(n.Text, noteOrigin+"\n%d\n%64s\n", &seq, &hash); err != nil {
			return nil, fmt.Errorf("the checkpoint given is not one of a journal: %w", err)
		}
		kept[seq] = hash
	}
	return kept, nil
}

// follow checks the line before r, whose hash r.Prev is known to be.
func (k keptNotes) follow(r Record) []error { return k.check(r.Seq-1, r.Prev) }

// end checks the last line, and that no checkpoint signs a line behind it.
func (k keptNotes) end(h head) []error {
	bad := k.check(h.seq, h.hash)
	for seq := range k {
		bad = append(bad, fmt.Errorf("a checkpoint signs record %d, and the journal ends with record %d: its end was cut off", seq, h.seq))
	}
	return bad
}

func (k keptNotes) check(seq uint64, hash string) []error {
	want, ok := k[seq]
	delete(k, seq)
	if !ok || want == hash {
		return nil
	}
	return []error{fmt.Errorf("record %d is not the one that a checkpoint signs: the journal was rewritten", seq)}
}

// checkNote checks that a checkpoint signs the line before it.
func checkNote(r Record, v note.Verifier) error {
	var b checkpointBody
	if err := json.Unmarshal(r.Body, &b); err != nil {
		return fmt.Errorf("checkpoint %d: %w", r.Seq, err)
	}
	n, err := note.Open([]byte(b.Note), note.VerifierList(v))
	if err != nil {
		return fmt.Errorf("checkpoint %d is not signed with this journal's key: %w", r.Seq, err)
	}
	want := noteOrigin + "\n" + strconv.FormatUint(r.Seq-1, 10) + "\n" + r.Prev + "\n"
	if n.Text != want {
		return fmt.Errorf("checkpoint %d signs another head than the line before it", r.Seq)
	}
	return nil
}
