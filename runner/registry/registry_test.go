package registry

import (
	"os"
	"path/filepath"
	"strings"
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

func ids(t *testing.T, dirs ...string) string {
	t.Helper()
	got, err := Scan(dirs)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range got {
		list = append(list, e.ID)
	}
	return strings.Join(list, " ")
}

func TestALinkToNullMasksAnUpdaterOfALowerDirectory(t *testing.T) {
	low, high := t.TempDir(), t.TempDir()
	put(t, filepath.Join(low, "com.a", "manifest.json"), "{}")
	put(t, filepath.Join(low, "com.b", "manifest.json"), "{}")
	if err := os.Symlink(os.DevNull, filepath.Join(high, "com.a")); err != nil {
		t.Skip("this system makes no such link:", err)
	}
	if got := ids(t, low, high); got != "com.b" {
		t.Errorf("got %q, want com.b only", got)
	}
	if got := ids(t, high, low); got != "com.a com.b" {
		t.Errorf("a mask below hides what is above: got %q", got)
	}
}

func TestALinkedUpdaterIsSeenToChange(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	put(t, filepath.Join(elsewhere, "manifest.json"), "{}")
	if err := os.Symlink(elsewhere, filepath.Join(dir, "com.a")); err != nil {
		t.Skip("this system makes no links:", err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "com.b")); err != nil {
		t.Fatal(err)
	}
	before, err := Scan([]string{dir})
	if err != nil || len(before) != 1 {
		t.Fatalf("got %+v, %v; a dangling link is nothing", before, err)
	}
	put(t, filepath.Join(elsewhere, "bin"), "x")
	after, err := Scan([]string{dir})
	if err != nil || len(after) != 1 || after[0].Fingerprint == before[0].Fingerprint {
		t.Errorf("got %+v, %v; want another fingerprint than before", after, err)
	}
}

func TestWhatIsNoUpdaterIsIgnored(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "README"), "hello")
	if err := os.MkdirAll(filepath.Join(dir, "com.a", "manifest.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, dir); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestADirectoryThatCannotBeReadIsAnErrorAndNotEmpty(t *testing.T) {
	file := filepath.Join(t.TempDir(), "updaters")
	put(t, file, "a file in its place")
	if got, err := Scan([]string{file}); err == nil {
		t.Errorf("got %+v: all updaters would be taken for vanished", got)
	}
}
