//go:build unix

package trust

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var rounds = flag.Int("race.rounds", 1000, "rounds of each race between an attacker and admission; issue 5 asks for 100000 in all")

// attacks are what somebody who may write to a directory can do to the file
// "victim" in it while it is read. Each leaves the evil bytes in place at times
// and the good ones at others.
var attacks = map[string]func(dir string, good, evil []byte, n int){
	"rewriting in place": func(dir string, good, evil []byte, n int) {
		content := good
		if n%2 == 0 {
			content = evil
		}
		if f, err := os.OpenFile(filepath.Join(dir, "victim"), os.O_WRONLY, 0); err == nil {
			f.WriteAt(content, 0)
			f.Close()
		}
	},
	"renaming over": func(dir string, good, evil []byte, n int) {
		content := good
		if n%2 == 0 {
			content = evil
		}
		os.WriteFile(dir+".next", content, 0o644)
		os.Rename(dir+".next", filepath.Join(dir, "victim"))
	},
	"a symbolic link": func(dir string, good, evil []byte, n int) {
		os.Remove(dir + ".link")
		if n%2 == 0 {
			os.Symlink(filepath.Join(filepath.Dir(dir), "evil"), dir+".link")
		} else {
			os.WriteFile(dir+".link", good, 0o644)
		}
		os.Rename(dir+".link", filepath.Join(dir, "victim"))
	},
	"a hard link": func(dir string, good, evil []byte, n int) {
		os.Remove(dir + ".link")
		if n%2 == 0 {
			os.Link(filepath.Join(filepath.Dir(dir), "evil"), dir+".link")
		} else {
			os.WriteFile(dir+".link", good, 0o644)
		}
		os.Rename(dir+".link", filepath.Join(dir, "victim"))
	},
	"truncating and growing": func(dir string, good, evil []byte, n int) {
		switch n % 3 {
		case 0:
			os.Truncate(filepath.Join(dir, "victim"), 3)
		case 1:
			os.Truncate(filepath.Join(dir, "victim"), 1<<20)
		default:
			os.WriteFile(filepath.Join(dir, "victim"), good, 0o644)
		}
	},
	"swapping the directory": func(dir string, good, evil []byte, n int) {
		other := dir + ".other"
		os.Mkdir(other, 0o755)
		os.WriteFile(filepath.Join(other, "victim"), evil, 0o644)
		if exchange(dir, other) == nil && n%2 == 0 {
			os.WriteFile(filepath.Join(dir, "victim"), good, 0o644)
		}
	},
}

// race runs attempt against an attacker until each attack had its rounds, and
// returns how often the attempt succeeded.
func race(t *testing.T, dir string, good, evil []byte, attack func(string, []byte, []byte, int), attempt func() bool) (succeeded int) {
	t.Helper()
	var stop atomic.Bool
	var attacker sync.WaitGroup
	attacker.Go(func() {
		for n := 0; !stop.Load(); n++ {
			attack(dir, good, evil, n)
		}
	})
	for range *rounds / len(attacks) {
		if attempt() {
			succeeded++
		}
	}
	stop.Store(true)
	attacker.Wait()
	return succeeded
}

func victims() (good, evil []byte) {
	return bytes.Repeat([]byte("good"), 2000), bytes.Repeat([]byte("evil"), 2000)
}

// TestOtherBytesAreNeverStored races admission with every attack: whatever it
// takes must be the bytes that were signed.
func TestOtherBytesAreNeverStored(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			w, good, evil := attacked(t, name, "stage")
			s := w.store
			want := expect{Path: "victim", SHA256: hexDigest(good), Size: int64(len(good))}
			took := race(t, w.path("stage"), good, evil, attack, func() bool {
				return takeOnce(t, w.Trust, s, w.path("stage"), want, good)
			})
			t.Logf("%d rounds, %d admissions succeeded, other bytes 0 times", *rounds/len(attacks), took)
		})
	}
}

// attacked is a world with a victim in a directory and its evil twin beside it.
func attacked(t *testing.T, attack, dir string) (w *world, good, evil []byte) {
	t.Helper()
	w = newWorld(t)
	if attack == "mounting over" {
		if why := canMount(w.dir); why != "" {
			t.Skip(why)
		}
		t.Cleanup(func() { unmountAll(w.path(dir + "/victim")) })
	}
	good, evil = victims()
	w.write(dir+"/victim", string(good))
	w.write(path.Join(path.Dir(dir), "evil"), string(evil))
	return w, good, evil
}

// TestOtherBytesNeverReachAStart goes the whole way from the staging directory,
// which the attacker may write to, to the handle from which a process starts:
// what an install would read are the bytes of the signed document.
func TestOtherBytesNeverReachAStart(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			w, good, evil := attacked(t, name, "stage")
			p := w.admitted("3.1.0")
			d := &UpdateDocument{
				APIVersion: apiVersion, Kind: "Update", Updater: p.ID, ID: "reader-1", Version: "1.0.0", Platform: "any",
				Created: w.now.Add(-time.Hour), Expires: w.now.Add(day),
			}
			if err := StateArtifacts(t.Context(), d, w.path("stage"), "victim"); err != nil {
				t.Fatal(err)
			}
			os.Rename(w.path("stage/"+w.signDocument(d)), w.path("keys/"+d.ID+".json"))
			os.Rename(w.path("stage/"+d.ID+".json.sigstore.json"), w.path("keys/"+d.ID+".json.sigstore.json"))
			u, err := w.AdmitUpdate(t.Context(), p, w.path("keys"), d.ID+".json")
			if err != nil {
				t.Fatal(err)
			}
			started := race(t, w.path("stage"), good, evil, attack, func() bool { return startOnce(t, w, p, u, good) })
			t.Logf("%d rounds, %d starts, other bytes 0 times", *rounds/len(attacks), started)
		})
	}
}

func startOnce(t *testing.T, w *world, p *Package, u *Update, good []byte) bool {
	a, err := w.AdmitArtifacts(t.Context(), p, u, w.path("stage"))
	if err != nil {
		return false
	}
	v, _, err := w.Check(t.Context(), p, "install", u, a)
	if err != nil {
		t.Errorf("what was stored does not start: %v", err)
		return false
	}
	program, _ := v.Argv("install")
	for path, want := range map[string][]byte{filepath.Join(v.ArtifactDir(), "victim"): good, program: []byte("#!/bin/sh\necho reader \"$1\"\n")} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a start would read other bytes: %.16q (%v)", got, err)
		}
	}
	os.RemoveAll(w.store.path(kindArtifacts, a.Digest)) // so that the next round copies again
	return true
}

func takeOnce(t *testing.T, tr *Trust, s *store, dir string, want expect, good []byte) bool {
	src, err := tr.openStage(dir)
	if err != nil {
		return false
	}
	defer src.close()
	w, err := s.create()
	if err != nil {
		t.Fatal(err)
	}
	defer w.abort()
	if tr.takeArtifact(context.Background(), src, w, want) != nil {
		return false
	}
	got, err := os.ReadFile(filepath.Join(w.tree(), "victim"))
	if err != nil || !bytes.Equal(got, good) {
		t.Errorf("the store took other bytes: %.16q (%v)", got, err)
	}
	return true
}

// TestAStoredFileThatIsTouchedNeverStarts rewrites a stored artifact as root or
// the same user could, and sets its times back: Check either refuses, or the
// bytes are the right ones.
func TestAStoredFileThatIsTouchedNeverStarts(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	u, a := w.staged(p, "12.4.0", "the new reader")
	path := filepath.Join(a.Dir, "reader.bin")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for round := range *rounds / 10 {
		content := "the new reader"
		if round%2 == 0 {
			content = "the EVIL reader"[:14]
		}
		os.Chmod(path, 0o644)
		os.WriteFile(path, []byte(content), 0o644)
		os.Chmod(path, 0o444)
		os.Chtimes(path, info.ModTime(), info.ModTime())
		_, _, err := w.Check(context.Background(), p, "install", u, a)
		if round%2 == 0 {
			wantCode(t, err, "changed", "reader.bin")
		} else if err != nil {
			t.Fatalf("round %d: the right bytes were refused: %v", round, err)
		}
	}
}

// TestOtherBytesAreNeverRegistered races the admission of a whole package, whose
// program is the victim, with every attack. The directory that it is exchanged
// by has the same signed manifest.
func TestOtherBytesAreNeverRegistered(t *testing.T) {
	good := fmt.Appendf(nil, "#!/bin/sh\necho good\n#%4000s\n", "")
	evil := bytes.Replace(good, []byte("good"), []byte("EVIL"), 1)
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			w, _, _ := attacked(t, name, "pkg/a")
			w.write("pkg/a/victim", string(good))
			w.write("pkg/evil", string(evil))
			m := w.manifest("3.1.0")
			m.Scan.Exec = []string{"victim", "scan"}
			m.Actions = map[string]Action{"install": {Exec: []string{"victim", "install"}}}
			dir := w.repack("pkg/a", m, "example")
			if err := os.CopyFS(dir+".other", os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			took, digest := 0, hexDigest([]byte(w.read("pkg/a/manifest.json")))
			took = race(t, dir, good, evil, attack, func() bool {
				if _, err := w.Admit(t.Context(), dir); err != nil {
					return false
				}
				tree := w.store.path(kindPackages, digest)
				if got, err := os.ReadFile(filepath.Join(tree, "tree/victim")); err != nil || !bytes.Equal(got, good) {
					t.Errorf("registered with other bytes: %.32q (%v)", got, err)
				}
				os.RemoveAll(tree) // so that the next round copies again
				return true
			})
			t.Logf("%d rounds, %d registrations succeeded, other bytes 0 times", *rounds/len(attacks), took)
		})
	}
}
