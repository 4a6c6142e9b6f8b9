package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

func fill(t *testing.T, j *Journal, n int) {
	t.Helper()
	for i := range n {
		if _, err := j.Append("started", body{N: i}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACheckpointIsWrittenEveryNRecordsAndAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	var sent []string
	j := open(t, Options{Dir: dir, CheckpointEvery: 4, Syslog: func(s string) { sent = append(sent, s) }})
	fill(t, j, 10)
	if len(sent) != 2 {
		t.Errorf("after 10 records %d checkpoints were sent away, want 2", len(sent))
	}
	j.Close()
	rep, err := Verify(dir)
	if err != nil || rep.Checkpoints != 3 || rep.Records != 13 || rep.Signed != 12 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

func TestAStockNoteReaderOpensACheckpoint(t *testing.T) {
	dir := t.TempDir()
	var sent string
	j := open(t, Options{Dir: dir, Syslog: func(s string) { sent = s }})
	fill(t, j, 1)
	if err := j.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile(filepath.Join(dir, pubName))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(pub)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(sent), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bytes.Cut(data(t, dir), []byte("\n"))
	if want := "lull-journal\n1\n" + hashOf(line) + "\n"; n.Text != want {
		t.Errorf("got %q, want %q", n.Text, want)
	}
}

func TestWhenIdleWhatIsNewIsSignedButNotEveryMoment(t *testing.T) {
	now := noon
	j := open(t, Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	j.Idle()
	if j.Last().Seq != 0 {
		t.Error("an empty journal was signed")
	}
	fill(t, j, 1)
	j.Idle()
	if j.Last().Kind != KindCheckpoint {
		t.Error("the first record was not signed when idle")
	}
	fill(t, j, 1)
	j.Idle()
	if j.Last().Kind == KindCheckpoint {
		t.Error("signed again at once")
	}
	now = now.Add(idleGap)
	j.Idle()
	if j.Last().Kind != KindCheckpoint {
		t.Error("not signed after a minute")
	}
	seq := j.Last().Seq
	now = now.Add(time.Hour)
	j.Idle()
	if j.Last().Seq != seq {
		t.Error("a checkpoint was written with nothing new to sign")
	}
}

func TestWhatACrashLeftUnsignedIsSignedNextTime(t *testing.T) {
	dir := filled(t, 3)
	j := open(t, Options{Dir: dir})
	j.Close()
	if rep, err := Verify(dir); err != nil || rep.Signed != 3 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

func TestTheSigningKeyIsForTheDaemonOnly(t *testing.T) {
	dir := filled(t, 1)
	info, err := os.Stat(filepath.Join(dir, keyName))
	if err != nil {
		t.Fatal(err)
	}
	if os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, want 0600", info.Mode())
	}
}

func TestACheckpointOfAnotherKeyIsRefused(t *testing.T) {
	dir, other := t.TempDir(), filled(t, 1)
	j := open(t, Options{Dir: dir})
	fill(t, j, 1)
	j.Close()
	pub, err := os.ReadFile(filepath.Join(other, pubName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, pubName), pub, 0o644); err != nil {
		t.Fatal(err)
	}
	if rep, err := Verify(dir); err == nil || rep.Checkpoints != 0 || !strings.Contains(err.Error(), "not signed with this journal's key") {
		t.Errorf("got %+v, %v", rep, err)
	}
}

// TestARewrittenJournalIsFoundByACheckpointKeptElsewhere is what checkpoints
// are for: root rewrites all, with the key and a correct chain.
func TestARewrittenJournalIsFoundByACheckpointKeptElsewhere(t *testing.T) {
	dir := t.TempDir()
	var sent []string
	j := open(t, Options{Dir: dir, CheckpointEvery: 4, Syslog: func(s string) { sent = append(sent, s) }})
	fill(t, j, 8)
	j.Close()
	if rep, err := Verify(dir, sent...); err != nil || rep.Checkpoints != len(sent) {
		t.Fatalf("the honest journal: %+v, %v", rep, err)
	}
	whole := data(t, dir)
	put(t, dir, whole[:lineStart(whole, 3)])
	if _, err := Verify(dir); err != nil {
		t.Fatalf("cut at a line, the journal itself cannot tell: %v", err)
	}
	if _, err := Verify(dir, sent[0]); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("cut off: got %v", err)
	}
	forged := open(t, Options{Dir: dir, CheckpointEvery: 4})
	fill(t, forged, 8)
	forged.Close()
	if _, err := Verify(dir); err != nil {
		t.Fatalf("the forged journal is consistent in itself: %v", err)
	}
	if _, err := Verify(dir, sent[0]); err == nil || !strings.Contains(err.Error(), "rewritten") {
		t.Errorf("rewritten: got %v", err)
	}
	if _, err := Verify(dir, "not a note"); err == nil {
		t.Error("nonsense was taken for a checkpoint")
	}
}
