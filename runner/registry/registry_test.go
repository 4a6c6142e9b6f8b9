package registry

import (
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, file, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestScanListsCompleteUpdatersAndALaterDirectoryHidesAnEarlierOne(t *testing.T) {
	low, high := t.TempDir(), t.TempDir()
	put(t, filepath.Join(low, "com.a", "manifest.json"), "{}")
	put(t, filepath.Join(low, "com.b", "manifest.json"), "{}")
	put(t, filepath.Join(low, ".com.c", "manifest.json"), "{}")
	put(t, filepath.Join(low, "com.d", "payload"), "no manifest yet")
	put(t, filepath.Join(high, "com.b", "manifest.json"), "{}")
	got, err := Scan([]string{low, filepath.Join(low, "missing"), high})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].ID != "com.a" || got[1].Dir != filepath.Join(high, "com.b") {
		t.Errorf("got %+v", got)
	}
}

func TestFingerprintChangesWithEveryFile(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "com.a", "manifest.json"), "{}")
	seen := map[string]string{}
	look := func(when string) {
		t.Helper()
		got, err := Scan([]string{dir})
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		if before, ok := seen[got[0].Fingerprint]; ok {
			t.Errorf("%s: the same fingerprint as %s", when, before)
		}
		seen[got[0].Fingerprint] = when
	}
	look("at first")
	put(t, filepath.Join(dir, "com.a", "bin", "x"), "1")
	look("with a payload")
	put(t, filepath.Join(dir, "com.a", "bin", "x"), "22")
	look("with a changed payload")
	os.Remove(filepath.Join(dir, "com.a", "bin", "x"))
	look("with the payload gone")
}
