package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParseRecord claims: what is taken for a record is what encoding/json
// takes it for, and every line that encoding/json writes is taken.
func FuzzParseRecord(f *testing.F) {
	for l := range bytes.Lines(data(f, filled(f, 2))) {
		f.Add(l[:len(l)-1], "started", "boot")
	}
	f.Add([]byte(`{"seq":1,"time":"2026-11-23T10:00:00+01:00","boot":"\u00e9","kind":"","prev":"\"","body":null}`), "\xff", "\n\u2028<")
	f.Add([]byte(`{"seq":01,"time":"","boot":"","kind":"","prev":"","body":{}}`), "é", "\"")
	f.Fuzz(func(t *testing.T, line []byte, kind, boot string) {
		if got, err := parseRecord(line); err == nil {
			var want Record
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatalf("%q: encoding/json refuses it: %v", line, err)
			}
			same(t, got, want)
		}
		given := Record{Seq: 7, Time: noon, Boot: boot, Kind: kind, Prev: firstPrev, Body: json.RawMessage(`{"a":1}`)}
		written, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRecord(written)
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		var want Record
		if err := json.Unmarshal(written, &want); err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	})
}

func same(t *testing.T, got, want Record) {
	t.Helper()
	if got.Seq != want.Seq || !got.Time.Equal(want.Time) || got.Boot != want.Boot || got.Kind != want.Kind || got.Prev != want.Prev || !bytes.Equal(got.Body, want.Body) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
}

// FuzzInspect claims: the reader never fails on bytes; what it calls good is a
// prefix that is good by itself, record by record in order; and the damage
// begins where the good part ends.
func FuzzInspect(f *testing.F) {
	whole := data(f, filled(f, 3))
	f.Add(whole, 0, byte(0))
	f.Add(whole, len(whole)/2, byte(4))
	f.Add(whole[:len(whole)-1], 1, byte(0))
	f.Fuzz(func(t *testing.T, given []byte, at int, flip byte) {
		given = bytes.Clone(given)
		if at >= 0 && at < len(given) {
			given[at] ^= flip
		}
		var n uint64
		got, err := inspectLines(bytes.NewReader(given), "j", func(r Record) {
			if n++; r.Seq != n {
				t.Fatalf("record %d came as number %d", r.Seq, n)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.size != int64(len(given)) || got.head.size > got.size || got.head.seq != n {
			t.Fatalf("%d bytes, %d records: got %+v", len(given), n, got)
		}
		if (got.damage == nil) != (got.head.size == got.size) {
			t.Fatalf("good up to %d of %d bytes, damage %v", got.head.size, got.size, got.damage)
		}
		if got.damage != nil && got.damage.Offset != got.head.size {
			t.Fatalf("good up to %d, damage at %d", got.head.size, got.damage.Offset)
		}
		again, err := inspectLines(bytes.NewReader(given[:got.head.size]), "j", func(Record) {})
		if err != nil || again.damage != nil || again.head != got.head {
			t.Fatalf("the good part by itself: %+v, %v", again, err)
		}
	})
}

// memoryDir is a directory that is quick to flush, where there is one.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lull")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// FuzzOpen claims: whatever is in the file, Read ends with at most a *Damage;
// Open succeeds, keeps exactly the records that Read gave, adds one record
// that says so if it cut anything, keeps the damaged file whole, and leaves a
// journal that verifies.
func FuzzOpen(f *testing.F) {
	whole := data(f, filled(f, 3))
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(bytes.Replace(whole, []byte(`"n":2`), []byte(`"n":9`), 1))
	f.Add([]byte("\n"))
	f.Add([]byte(`{"seq":1}` + "\n"))
	f.Add(append(whole, make([]byte, 512)...))
	keys := f.TempDir()
	if _, err := openCheckpointer(keys); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, given []byte) {
		dir := memoryDir(t)
		for _, name := range []string{keyName, pubName} {
			key, err := os.ReadFile(filepath.Join(keys, name))
			if err != nil {
				t.Fatal(err)
			}
			os.WriteFile(filepath.Join(dir, name), key, 0o600)
		}
		put(t, dir, given)
		var good []Record
		for rec, err := range Read(dir, 0) {
			var d *Damage
			if err != nil && !errors.As(err, &d) {
				t.Fatal(err)
			}
			if err == nil {
				good = append(good, rec)
			}
		}
		j, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		j.file.Close()
		var kept []Record
		for rec, err := range Read(dir, 0) {
			if err != nil {
				t.Fatal("after the repair:", err)
			}
			kept = append(kept, rec)
		}
		said := len(kept) == len(good)+1 && kept[len(good)].Kind == KindRecovered
		if len(kept) != len(good) && !said {
			t.Fatalf("%d good records became %d", len(good), len(kept))
		}
		for i, rec := range good {
			if kept[i].Prev != rec.Prev || !bytes.Equal(kept[i].Body, rec.Body) {
				t.Fatalf("record %d was changed", i+1)
			}
		}
		if !said && !bytes.Equal(data(t, dir), given) {
			t.Fatal("the file was changed without a word")
		}
		if files, _ := filepath.Glob(filepath.Join(dir, fileName+".damaged-*")); len(files) == 1 {
			if copied, _ := os.ReadFile(files[0]); !bytes.Equal(copied, given) {
				t.Fatal("the copy of the damaged file is not whole")
			}
		}
	})
}
