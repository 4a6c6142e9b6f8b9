package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type body struct {
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, o Options) *Journal {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// filled is a directory with a closed journal of n records, without the final
// checkpoint.
func filled(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, Boot: "boot-1", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := j.Append("started", body{N: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	j.file.Close()
	return dir
}

func count(t *testing.T, dir string) (n int, err error) {
	t.Helper()
	for _, err := range Read(dir, 0) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func data(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, dir string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, fileName), b, 0o640); err != nil {
		t.Fatal(err)
	}
}

// TestALineIsTheGoldenOne keeps a public format.
func TestALineIsTheGoldenOne(t *testing.T) {
	got := strings.SplitAfter(string(data(t, filled(t, 2))), "\n")
	first := `{"seq":1,"time":"2026-11-23T12:00:00Z","boot":"boot-1","kind":"started","prev":"` + strings.Repeat("0", 64) + `","body":{"n":1}}` + "\n"
	second := `{"seq":2,"time":"2026-11-23T12:00:00Z","boot":"boot-1","kind":"started","prev":"` + hashOf([]byte(strings.TrimSuffix(first, "\n"))) + `","body":{"n":2}}` + "\n"
	if got[0] != first || got[1] != second {
		t.Errorf("got\n%s%swant\n%s%s", got[0], got[1], first, second)
	}
}

func TestARecordCostsOneFlush(t *testing.T) {
	j := open(t, Options{Dir: t.TempDir(), CheckpointEvery: 1 << 20})
	before := j.Flushes()
	for i := range 100 {
		if _, err := j.Append("started", body{N: i}); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.Flushes() - before; got != 100 {
		t.Errorf("100 records cost %d flushes", got)
	}
}

func TestWhatWasAppendedIsReadInOrderAlsoAfterOpeningAgain(t *testing.T) {
	dir := filled(t, 5)
	j := open(t, Options{Dir: dir})
	if j.Last().Seq != 5 {
		t.Errorf("Last: got %d, want 5", j.Last().Seq)
	}
	rec, err := j.Append("finished", body{N: 6})
	if err != nil || rec.Seq != 6 {
		t.Fatalf("got %+v, %v", rec, err)
	}
	want := uint64(3)
	for r, err := range j.Records(3) {
		if err != nil || r.Seq != want {
			t.Fatalf("got %d, %v; want %d", r.Seq, err, want)
		}
		want++
	}
	if want != 7 {
		t.Errorf("ended before record %d", want)
	}
}

func TestTheTimeOfARecordIsTheWallClocks(t *testing.T) {
	j := open(t, Options{Dir: t.TempDir(), Now: time.Now})
	rec, err := j.Append("started", body{})
	if err != nil {
		t.Fatal(err)
	}
	if rec.Time != rec.Time.Round(0) {
		t.Error("the record's time carries a monotonic reading: a clock that was set back would go unseen")
	}
}

func TestATornLastLineIsDroppedAndSaid(t *testing.T) {
	whole := data(t, filled(t, 4))
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last + 1; cut < len(whole); cut++ {
		dir := t.TempDir()
		put(t, dir, whole[:cut])
		if n, err := count(t, dir); n != 3 || err != nil {
			t.Fatalf("cut at %d: Read gave %d records, %v; want 3", cut, n, err)
		}
		j := open(t, Options{Dir: dir})
		rec := j.Last()
		if rec.Seq != 4 || rec.Kind != KindRecovered || !bytes.Contains(rec.Body, []byte(`"torn"`)) {
			t.Fatalf("cut at %d: got %+v %s", cut, rec, rec.Body)
		}
		if len(j.Salvaged()) != 0 {
			t.Fatalf("cut at %d: a torn line was salvaged", cut)
		}
		if kept, _ := filepath.Glob(filepath.Join(dir, "*damaged*")); kept != nil {
			t.Fatalf("cut at %d: a copy was kept of what is no damage", cut)
		}
	}
}

// TestDamageAnywhereIsPinpointed changes every byte of a journal in turn.
func TestDamageAnywhereIsPinpointed(t *testing.T) {
	dir := filled(t, 4)
	whole := data(t, dir)
	for at := range whole {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x04
		put(t, dir, bad)
		rep, err := Verify(dir)
		in := bytes.Count(whole[:at], []byte("\n")) + 1
		var d *Damage
		if !errors.As(err, &d) {
			if at == len(whole)-1 && err == nil && rep.Records == 3 {
				continue // the last newline: that line was never acknowledged
			}
			// The last line is chained by nobody yet; a change that leaves it
			// a valid record shows only once a checkpoint signs it.
			if in == 4 && err == nil {
				continue
			}
			t.Fatalf("byte %d of line %d: got %v", at, in, err)
		}
		if d.Line != in && d.Line != in+1 {
			t.Fatalf("byte %d of line %d: blamed line %d", at, in, d.Line)
		}
		if start := lineStart(bad, d.Line); d.Offset != int64(start) {
			t.Fatalf("byte %d: blamed byte %d, the line begins at %d", at, d.Offset, start)
		}
	}
}

func lineStart(b []byte, line int) int {
	at := 0
	for range line - 1 {
		at += bytes.IndexByte(b[at:], '\n') + 1
	}
	return at
}

func TestAllBeforeTheDamageIsUsedAndAllOfItKept(t *testing.T) {
	dir := filled(t, 9)
	bad := bytes.Replace(data(t, dir), []byte(`"body":{"n":5}`), []byte(`"body":{"n":6}`), 1)
	put(t, dir, bad)
	j := open(t, Options{Dir: dir})
	rec := j.Last()
	var b recoveredBody
	if err := json.Unmarshal(rec.Body, &b); err != nil || rec.Kind != KindRecovered || b.What != "damaged" {
		t.Fatalf("got %+v %s, %v", rec, rec.Body, err)
	}
	if rec.Seq != 6 {
		t.Errorf("%d records are left, want the 5 before line 6, which does not chain, and the one that says so", rec.Seq)
	}
	if !strings.Contains(b.Place, fileName+":6 (byte ") {
		t.Errorf("place: got %q", b.Place)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, b.Kept)); err != nil || !bytes.Equal(kept, bad) {
		t.Errorf("the damaged file was not kept whole: %v", err)
	}
	if got := j.Salvaged(); len(got) != 3 || got[0].Seq != 7 || b.Later != 3 {
		t.Errorf("salvaged %d records, said %d; want 7, 8 and 9", len(got), b.Later)
	}
	if rep, err := Verify(dir); err != nil || rep.Records != 6 {
		t.Errorf("after the repair: %+v, %v", rep, err)
	}
}

func TestADaemonThatEndedRightAfterTheRepairLeavesWhatWasSalvagedToTheNext(t *testing.T) {
	dir := filled(t, 5)
	put(t, dir, bytes.Replace(data(t, dir), []byte(`"body":{"n":2}`), []byte(`"body":{"n":7}`), 1))
	first := open(t, Options{Dir: dir})
	first.Close() // signs the head, as an orderly end does
	second := open(t, Options{Dir: dir})
	if got := second.Salvaged(); len(got) != 2 || got[0].Seq != 4 {
		t.Fatalf("got %d records, want 4 and 5", len(got))
	}
	if _, err := second.Append("needs_attention", body{}); err != nil {
		t.Fatal(err)
	}
	second.Close()
	if got := open(t, Options{Dir: dir}).Salvaged(); got != nil {
		t.Errorf("after something else was recorded: got %d records", len(got))
	}
}

func TestEachDamageIsKeptUnderItsOwnName(t *testing.T) {
	dir := filled(t, 3)
	for range 3 {
		put(t, dir, append(data(t, dir), "nonsense\n"...))
		open(t, Options{Dir: dir}).Close()
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")); len(kept) != 3 {
		t.Errorf("got %q, want three files", kept)
	}
	if _, err := Verify(dir); err != nil {
		t.Error(err)
	}
}

func TestADamagedJournalIsReadUpToTheDamage(t *testing.T) {
	dir := filled(t, 5)
	put(t, dir, bytes.Replace(data(t, dir), []byte(`"kind":"started"`), []byte(`"kind":"startes"`), 1))
	n, err := count(t, dir)
	var d *Damage
	if n != 1 || !errors.As(err, &d) || d.Line != 2 {
		t.Errorf("got %d records, %v; want the first, and line 2 blamed, which no longer follows from it", n, err)
	}
}

func TestALineThatIsTooLongIsNotHeldInMemoryAndIsDamage(t *testing.T) {
	dir := filled(t, 1)
	put(t, dir, append(data(t, dir), append(bytes.Repeat([]byte("x"), maxLine+1), '\n')...))
	_, err := count(t, dir)
	var d *Damage
	if !errors.As(err, &d) || d.Line != 2 || !strings.Contains(d.Why, "longer") {
		t.Errorf("got %v", err)
	}
	j := open(t, Options{Dir: t.TempDir()})
	if _, err := j.Append("scanned", body{Text: strings.Repeat("x", maxLine)}); err == nil {
		t.Error("a record that could not be read back was acknowledged")
	}
}

func TestAClosedJournalTakesNothing(t *testing.T) {
	j := open(t, Options{Dir: t.TempDir()})
	j.Close()
	if _, err := j.Append("started", body{}); err == nil {
		t.Error("acknowledged")
	}
	if err := j.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestAFailedWriteLeavesNoTraceAndAFailedRepairStopsAll(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	if _, err := j.Append("started", body{N: 1}); err != nil {
		t.Fatal(err)
	}
	good := j.file
	readOnly, err := os.Open(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	j.file = readOnly // neither writing nor cutting works
	if _, err := j.Append("started", body{N: 2}); err == nil {
		t.Fatal("acknowledged")
	}
	readOnly.Close()
	j.file = good
	if _, err := j.Append("started", body{N: 3}); err == nil || !strings.Contains(err.Error(), "restart lull") {
		t.Errorf("got %v, want a refusal that says what to do", err)
	}
	if n, err := count(t, dir); n != 1 || err != nil {
		t.Errorf("got %d records, %v", n, err)
	}
}

func TestAnUnusableDirectoryIsAnError(t *testing.T) {
	if _, err := Open(Options{Dir: filepath.Join(t.TempDir(), "missing")}); err == nil {
		t.Error("opened a journal nowhere")
	}
}
