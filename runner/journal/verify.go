package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/note"
)

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
