package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func start(t *testing.T, dirs ...string) *Watcher {
	t.Helper()
	w, err := New(Options{Dirs: dirs, Debounce: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func sees(t *testing.T, w *Watcher, what string) {
	t.Helper()
	select {
	case <-w.C():
	case <-time.After(20 * time.Second):
		t.Fatalf("%s was not seen", what)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryWayToChangeADirectoryIsSeen(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "etc", "policies")
	w := start(t, dir)
	file := filepath.Join(dir, "sub", "x.rego")

	must(t, os.MkdirAll(dir, 0o755))
	sees(t, w, "the directory that appears")
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	sees(t, w, "a new directory below")
	must(t, os.WriteFile(file, []byte("1"), 0o644))
	sees(t, w, "a new file in it")
	must(t, os.WriteFile(file+".new", []byte("2"), 0o644))
	must(t, os.Rename(file+".new", file))
	sees(t, w, "a file renamed over it")
	must(t, os.WriteFile(file, []byte("3"), 0o644))
	sees(t, w, "a write after the rename")
	must(t, os.Remove(file))
	sees(t, w, "a removal")

	must(t, os.Rename(dir, dir+".old"))
	must(t, os.MkdirAll(dir, 0o755))
	sees(t, w, "the whole directory replaced")
	must(t, os.WriteFile(filepath.Join(dir, "y.rego"), []byte("1"), 0o644))
	sees(t, w, "a file in the new directory")
}

func TestASymlinkSwapAsKubernetesDoesItIsSeen(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"..v1", "..v2"} {
		must(t, os.Mkdir(filepath.Join(dir, v), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, v, "x.rego"), []byte(v), 0o644))
	}
	must(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	must(t, os.Symlink("..data/x.rego", filepath.Join(dir, "x.rego")))
	w := start(t, dir)
	must(t, os.Symlink("..v2", filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	sees(t, w, "the swap")
}

func TestASwappedLinkOnTheWayToADirectoryIsSeen(t *testing.T) {
	base := t.TempDir()
	for _, v := range []string{"v1", "v2"} {
		must(t, os.MkdirAll(filepath.Join(base, v, "lull", "policies"), 0o755))
		must(t, os.WriteFile(filepath.Join(base, v, "lull", "policies", "x.rego"), []byte(v), 0o644))
	}
	must(t, os.Mkdir(filepath.Join(base, "etc"), 0o755))
	swap := func(to string) {
		must(t, os.Symlink(filepath.Join(base, to), filepath.Join(base, "etc", "new")))
		must(t, os.Rename(filepath.Join(base, "etc", "new"), filepath.Join(base, "etc", "site")))
	}
	swap("v1")
	w := start(t, filepath.Join(base, "etc", "site", "lull", "policies"))
	swap("v2")
	sees(t, w, "the swap two levels above")
	must(t, os.WriteFile(filepath.Join(base, "v2", "lull", "policies", "x.rego"), []byte("3"), 0o644))
	sees(t, w, "an edit where the link leads now")
}

func TestAnEditOfAFileThatALinkLeadsToIsSeen(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	file := filepath.Join(elsewhere, "x.rego")
	must(t, os.WriteFile(file, []byte("1"), 0o644))
	must(t, os.Symlink(file, filepath.Join(dir, "x.rego")))
	w := start(t, dir)
	must(t, os.WriteFile(file, []byte("2"), 0o644))
	sees(t, w, "the edit behind the link")
}

// An editor that never rests does not keep an edit out of force for ever.
func TestEditsWithoutAnEndAreToldNonetheless(t *testing.T) {
	dir := t.TempDir()
	w, err := New(Options{Dirs: []string{dir}, Debounce: time.Second, MaxWait: 1500 * time.Millisecond})
	must(t, err)
	t.Cleanup(func() { w.Close() })
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		must(t, os.WriteFile(filepath.Join(dir, "x.rego"), []byte("x"), 0o644))
		select {
		case <-w.C():
			return
		default:
		}
	}
	t.Error("twenty seconds of edits were not told")
}

func TestAStormOfEditsIsToldFewTimes(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir)
	for range 1000 {
		must(t, os.WriteFile(filepath.Join(dir, "x.rego"), []byte("x"), 0o644))
	}
	told := 0
	for {
		select {
		case <-w.C():
			told++
			continue
		case <-time.After(300 * time.Millisecond):
		}
		break
	}
	if told == 0 || told > 10 {
		t.Errorf("1000 edits were told %d times", told)
	}
}

func TestEditsInADirectoryThatTheBurstMadeProlongTheBurst(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "etc", "policies")
	w, err := New(Options{Dirs: []string{dir}, Debounce: time.Second, MaxWait: time.Minute})
	must(t, err)
	t.Cleanup(func() { w.Close() })
	sub := filepath.Join(dir, "a", "b")
	must(t, os.MkdirAll(sub, 0o755))
	for begin := time.Now(); time.Since(begin) < 2*time.Second; time.Sleep(30 * time.Millisecond) { // without a second of quiet
		must(t, os.WriteFile(filepath.Join(sub, "x.rego"), []byte("x"), 0o644))
		select {
		case <-w.C():
			t.Fatal("told in the middle of the burst")
		default:
		}
	}
	sees(t, w, "the end of the burst")
}
