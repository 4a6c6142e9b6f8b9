package facts

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheRecorderKeepsChangesAndSurvivesATornLine(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(1700000000, 0)
	snap := func(n int64, state cellState) Snapshot {
		cells := make([]cell, len(declared))
		cells[cores] = cell{bits: uint64(n), origin: &origin{"test", good}, state: state}
		at = at.Add(time.Minute)
		return Snapshot{at: at, cells: cells}
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
