package journal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
