package facts

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// factsAt is a snapshot of two facts at one time.
func factsAt(at time.Time, n int64) Snapshot {
	return snapshotOfCells(at, map[fact]cell{cores: {uint64(n), knownFromTest}, onAC: {uint64(n % 2), knownFromTest}})
}

func openRecord(t *testing.T, dir string) *Recorder {
	t.Helper()
	r, err := OpenRecorder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.file.Close() })
	return r
}

func add(t *testing.T, r *Recorder, s Snapshot) {
	t.Helper()
	if err := r.Add(s); err != nil {
		t.Fatal(err)
	}
}

// recordedCores are the values of cpu.cores on record, in order.
func recordedCores(dir string) (all []int) {
	for rec := range ReadRecords(dir, time.Time{}) {
		if v, ok := rec.Facts["cpu.cores"].(float64); ok {
			all = append(all, int(v))
		}
	}
	return all
}

func recordBytes(t *testing.T, dir string) (total int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	return total
}

// Wherever a crash cuts the file, the records before it and the one after the
// restart are there, and nothing else.
func TestARecordCutAnywhereLosesItsLastLineAtMost(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(1790000000, 0)
	r := openRecord(t, dir)
	for n := range 4 {
		add(t, r, factsAt(at.Add(time.Duration(n)*time.Minute), int64(n+1)))
	}
	r.Close()
	file := filepath.Join(dir, "facts.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		for _, tail := range []string{"", "\x00\x00\x00"} { // some file systems leave zeros
			torn := append(slices.Clone(whole[:cut]), tail...)
			if err := os.WriteFile(file, torn, 0o640); err != nil {
				t.Fatal(err)
			}
			r := openRecord(t, dir)
			add(t, r, factsAt(at.Add(time.Hour), 99))
			r.Close()
			want := []int{}
			for n := range bytes.Count(whole[:cut], []byte("\n")) {
				want = append(want, n+1)
			}
			if got := recordedCores(dir); !slices.Equal(got, append(want, 99)) {
				t.Fatalf("cut at byte %d of %d, tail %q: got %v, want %v and 99", cut, len(whole), tail, got, want)
			}
			if data, err := os.ReadFile(file); err != nil || !bytes.HasSuffix(data, []byte("}\n")) {
				t.Fatalf("cut at byte %d: what was torn is still there: %q (%v)", cut, data, err)
			}
		}
	}
}

// recordUntilKilled adds records and says on stdout which are made. It is what
// the test below runs as a process of its own.
func recordUntilKilled(dir string) {
	r, err := OpenRecorder(dir)
	for n := int64(1); err == nil; n++ {
		if err = r.Add(factsAt(time.Now(), n)); err == nil {
			_, err = fmt.Println(n)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestARecorderThatIsKilledLosesNothingItHadRecorded(t *testing.T) {
	if dir := os.Getenv("LULL_TEST_RECORD"); dir != "" {
		recordUntilKilled(dir)
	}
	dir := t.TempDir()
	for round := range 8 {
		before := len(recordedCores(dir))
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "LULL_TEST_RECORD="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := 0
		lines := bufio.NewScanner(out)
		for said < 100+37*round && lines.Scan() {
			said++
		}
		if err := cmd.Process.Kill(); err != nil { // SIGKILL
			t.Fatal(err)
		}
		for lines.Scan() {
			said++
		}
		_ = cmd.Wait()
		got := recordedCores(dir)[before:]
		if len(got) < said || said < 100 {
			t.Fatalf("round %d: %d records are there of %d that were made", round, len(got), said)
		}
		for i, n := range got {
			if n != i+1 {
				t.Fatalf("round %d: record %d says %d: %v", round, i, n, got)
			}
		}
		data, err := os.ReadFile(filepath.Join(dir, "facts.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range bytes.Split(data, []byte("\n")) {
			if len(l) > 0 && !json.Valid(l) && i < bytes.Count(data, []byte("\n")) {
				t.Fatalf("round %d: line %d is torn: %q", round, i, l)
			}
		}
	}
}

func TestTheRecordKeepsSixtyDaysAndNoMore(t *testing.T) {
	dir := t.TempDir()
	r := openRecord(t, dir)
	start := time.Unix(1790000000, 0)
	const keep = recordDays * 24 * time.Hour
	for hour := range 24 * 200 {
		now := start.Add(time.Duration(hour) * time.Hour)
		add(t, r, factsAt(now, int64(hour)))
		if hour%97 != 0 {
			continue
		}
		oldest := time.Time{}
		for rec := range ReadRecords(dir, time.Time{}) {
			oldest = rec.Time
			break
		}
		if age := now.Sub(oldest); age > keep || now.Sub(start) > keep && age < keep/2-time.Hour {
			t.Fatalf("on day %d the oldest record is %v old, want 30 to 60 days", hour/24, age)
		}
	}
}

// What was before goes when as much has been recorded since, as nothing tells a
// long time without power from a clock that is wrong.
func TestAMachineThatWasOffForAYearForgetsWhatWasBeforeInSixtyDaysOfUse(t *testing.T) {
	dir := t.TempDir()
	start := time.Unix(1790000000, 0)
	r := openRecord(t, dir)
	for day := range 50 {
		add(t, r, factsAt(start.AddDate(0, 0, day), int64(day)))
	}
	r.Close()
	r = openRecord(t, dir)
	for day := range 60 {
		add(t, r, factsAt(start.AddDate(1, 0, 50+day), int64(1000+day)))
	}
	if got := recordedCores(dir); len(got) < 30 || got[0] < 1000 || got[len(got)-1] != 1059 {
		t.Errorf("got %v, want only what was recorded since the machine is on again", got)
	}
}

// Neither a jump of the clock nor its being set right again costs a record.
func TestAWrongClockCostsNothingThatWasRecorded(t *testing.T) {
	start := time.Unix(1790000000, 0)
	for name, wrong := range map[string]time.Time{
		"45 days ahead": start.AddDate(0, 0, 59+45), "61 days ahead": start.AddDate(0, 0, 59+61), "in 2096": time.Unix(4000000000, 0), "in 1970": time.Unix(60, 0),
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarted %v", name, restart), func(t *testing.T) {
				dir := t.TempDir()
				r := openRecord(t, dir)
				record := func(at time.Time, n int) {
					t.Helper()
					if restart {
						r.Close()
						r = openRecord(t, dir)
					}
					add(t, r, factsAt(at, int64(n)))
				}
				for day := range 55 {
					record(start.AddDate(0, 0, day), day)
				}
				for hour := range 12 {
					record(wrong.Add(time.Duration(hour)*time.Hour), 1000+hour)
				}
				record(start.AddDate(0, 0, 55), 55)
				got := recordedCores(dir)
				for day := range 56 {
					if !slices.Contains(got, day) {
						t.Fatalf("day %d is lost: got %v", day, got)
					}
				}
			})
		}
	}
}

func TestTheRecordNeverExceedsFiveMegabytes(t *testing.T) {
	dir := t.TempDir()
	r := openRecord(t, dir)
	at := time.Unix(1790000000, 0)
	s := factsAt(at, 0)
	long := make([]string, 200)
	for i := range long {
		long[i] = fmt.Sprintf("idle: a program with a long name %d", i)
	}
	most := int64(0)
	for n := range 2000 {
		s.at = at.Add(time.Duration(n) * time.Second)
		holders := append(long, fmt.Sprint(n))
		s.notes[inhibitHolders] = note{list: &holders, origin: &origin{"test", good}, state: cellKnown}
		add(t, r, s)
		if n%50 == 0 {
			most = max(most, recordBytes(t, dir))
		}
	}
	if most > recordSize || most < recordSize/2 {
		t.Errorf("the record grew to %d bytes, want at most %d and more than half of it", most, recordSize)
	}
}

// A clock that was in the future must not stop what keeps the record small
// until that time comes.
func TestAClockSetBackDoesNotStopTheRecordFromEnding(t *testing.T) {
	for name, restart := range map[string]bool{"while it runs": false, "between two runs": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := openRecord(t, dir)
			wrong, right := time.Unix(4000000000, 0), time.Unix(1790000000, 0)
			for n := range 3 {
				add(t, r, factsAt(wrong.Add(time.Duration(n)*time.Hour), int64(1000+n)))
			}
			if restart {
				r.Close()
				r = openRecord(t, dir)
			}
			for day := range 100 {
				add(t, r, factsAt(right.AddDate(0, 0, day), int64(day)))
			}
			got := recordedCores(dir)
			if len(got) < 30 || len(got) > 61 || got[0] < 39 || got[len(got)-1] != 99 {
				t.Errorf("got %v, want the last 30 to 60 days", got)
			}
		})
	}
}

// A machine without a clock battery starts in 1970 every morning.
func TestABootInThePastDoesNotCostTheRecord(t *testing.T) {
	dir := t.TempDir()
	start := time.Unix(1790000000, 0)
	for day := range 20 {
		r := openRecord(t, dir)
		add(t, r, factsAt(time.Unix(60, 0), int64(1000+day)))
		add(t, r, factsAt(start.AddDate(0, 0, day), int64(day)))
		add(t, r, factsAt(start.AddDate(0, 0, day).Add(time.Hour), int64(2000+day)))
		r.Close()
	}
	got := recordedCores(dir)
	for day := range 20 {
		if !slices.Contains(got, day) || !slices.Contains(got, 2000+day) {
			t.Fatalf("day %d is lost: got %v", day, got)
		}
	}
}

func TestTheRecorderKeepsChangesAndSurvivesATornLine(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(1700000000, 0)
	snap := func(n int64, state cellState) Snapshot {
		at = at.Add(time.Minute)
		return snapshotOfCells(at, map[fact]cell{cores: {uint64(n), note{origin: &origin{"test", good}, state: state}}})
	}
	r, err := OpenRecorder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Snapshot{snap(2, cellKnown), snap(2, cellKnown), snap(4, cellKnown), snap(0, cellUnknown)} {
		if err := r.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()
	file := filepath.Join(dir, "facts.jsonl")
	whole, _ := os.ReadFile(file)
	if err := os.WriteFile(file, append(whole, `{"t":17000`...), 0o640); err != nil {
		t.Fatal(err)
	}
	if r, err = OpenRecorder(dir); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(snap(8, cellKnown)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	var got []any
	for rec := range ReadRecords(dir, time.Time{}) {
		got = append(got, rec.Facts["cpu.cores"])
	}
	if len(got) != 4 || got[0] != 2.0 || got[1] != 4.0 || got[2] != nil || got[3] != 8.0 {
		t.Errorf("got %v, want [2 4 <nil> 8]: changes only, and nothing torn", got)
	}
}
