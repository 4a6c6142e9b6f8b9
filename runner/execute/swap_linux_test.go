package execute

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lullhq/lull/trust"
	"golang.org/x/sys/unix"
)

var swapRounds = flag.Int("swap.rounds", 500, "rounds of the races between somebody who swaps payload and artifact and a start")

const (
	goodProgram  = "#!/bin/sh\necho good; read a < \"$LULL_ARTIFACT_DIR/reader.bin\"; echo $a\n"
	evilProgram  = "#!/bin/sh\necho EVIL; read a < \"$LULL_ARTIFACT_DIR/reader.bin\"; echo $a\n"
	goodArtifact = "good\n"
	evilArtifact = "EVIL\n"
	vendorFile   = `apiVersion: lull/v1
vendor: example
enabled: true
keys: [{id: "2026", pem_file: example.pub, not_before: 2020-01-01T00:00:00Z, not_after: 2100-01-01T00:00:00Z}]
scopes:
  - updaters: ["com.example.*"]
    actions: [scan, download, install]
    components: [user_mode_app]
    write: ["/opt/reader"]
    restart: [none]
    artifacts: statement
    min_version: "1.0.0"
expires: 2099-12-31T00:00:00Z
`
)

// vendor is a vendor with a key, a packed updater and a staged update.
type vendor struct{ dir, pkg, stage, document string }

func newVendor(t *testing.T) *vendor {
	t.Helper()
	v := &vendor{dir: openDir(t), document: "reader-2.json"}
	v.pkg, v.stage = filepath.Join(v.dir, "pkg"), filepath.Join(v.dir, "stage")
	for _, d := range []string{"pkg/bin", "stage", "vendors", "keys"} {
		must(t, os.MkdirAll(filepath.Join(v.dir, d), 0o755))
	}
	key, public, err := trust.GenerateKey(filepath.Join(v.dir, "keys"), "example", nil)
	must(t, err)
	copyFile(t, public, filepath.Join(v.dir, "vendors/example.pub"), 0o644)
	v.write(t, "vendors/example.yaml", vendorFile, 0o644)
	v.write(t, "pkg/bin/updater", goodProgram, 0o755)
	now := time.Now().UTC().Truncate(time.Second)
	v.json(t, "pkg/manifest.json", trust.Manifest{
		APIVersion: "lull/v1", Kind: "Updater", ID: "com.example.reader", Vendor: "example", Version: "2.0.0", Component: "user_mode_app",
		Platform: "any", Created: now.Add(-time.Hour), Expires: now.Add(time.Hour), Payload: []trust.File{},
		Scan:    trust.Scan{Exec: []string{"bin/updater", "scan"}, EveryMinutes: 60},
		Actions: map[string]trust.Action{"install": {Exec: []string{"bin/updater", "install"}}},
	})
	_, err = trust.Pack(t.Context(), trust.PackOptions{Dir: v.pkg, KeyFile: key})
	must(t, err)
	v.write(t, "stage/reader.bin", goodArtifact, 0o644)
	d := trust.UpdateDocument{
		APIVersion: "lull/v1", Kind: "Update", Updater: "com.example.reader", ID: "reader-2", Version: "2.0.0", Platform: "any",
		Created: now.Add(-time.Hour), Expires: now.Add(time.Hour),
	}
	must(t, trust.StateArtifacts(t.Context(), &d, v.stage, "reader.bin"))
	v.json(t, "stage/"+v.document, d)
	must(t, trust.Sign(t.Context(), filepath.Join(v.stage, v.document), key, nil))
	return v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (v *vendor) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(v.dir, name), []byte(content), mode))
}

func (v *vendor) json(t *testing.T, name string, doc any) {
	t.Helper()
	b, err := json.Marshal(doc)
	must(t, err)
	v.write(t, name, string(b), 0o644)
}

// target is a file that somebody hostile may write to, and all around it: the
// directory it lies in, and a place of his own on the same file system.
type target struct{ dir, name, spare, good, evil string }

func (v *target) path() string { return filepath.Join(v.dir, v.name) }

// spareFile makes a file of the attacker's with the given bytes.
func (v *target) spareFile(content string) string {
	path := filepath.Join(v.spare, v.name)
	_ = os.Remove(path)
	_ = os.WriteFile(path, []byte(content), 0o755)
	return path
}

// content is evil mostly: a round that is refused early costs little.
func (v *target) content(n int) string {
	if n%3 != 0 {
		return v.evil
	}
	return v.good
}

// swaps are what he can do to it, the same as trust's own races try. Each
// leaves the good bytes there at times.
var swaps = map[string]func(v *target, n int){
	"rewriting in place": func(v *target, n int) {
		if f, err := os.OpenFile(v.path(), os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteAt([]byte(v.content(n)), 0)
			_ = f.Close()
		}
	},
	"renaming over": func(v *target, n int) { _ = os.Rename(v.spareFile(v.content(n)), v.path()) },
	"a symbolic link": func(v *target, n int) {
		next := v.spareFile(v.good)
		if n%3 != 0 {
			_ = os.Remove(next)
			_ = os.Symlink(filepath.Join(v.spare, "evil-"+v.name), next)
		}
		_ = os.Rename(next, v.path())
	},
	"a hard link": func(v *target, n int) {
		next := v.spareFile(v.good)
		if n%3 != 0 {
			_ = os.Remove(next)
			_ = os.Link(filepath.Join(v.spare, "evil-"+v.name), next)
		}
		_ = os.Rename(next, v.path())
	},
	"truncating and growing": func(v *target, n int) {
		switch n % 3 {
		case 0:
			_ = os.Truncate(v.path(), 3)
		case 1:
			_ = os.Truncate(v.path(), 1<<20)
		default:
			_ = os.WriteFile(v.path(), []byte(v.good), 0o755)
		}
	},
	"swapping the directory": func(v *target, n int) {
		other := filepath.Join(v.spare, "dir-"+v.name)
		_ = os.Mkdir(other, 0o755)
		_ = os.WriteFile(filepath.Join(other, v.name), []byte(v.content(n)), 0o755)
		_ = unix.Renameat2(unix.AT_FDCWD, v.dir, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
	},
	"mounting over": func(v *target, n int) {
		if n%3 != 0 {
			_ = unix.Mount(filepath.Join(v.spare, "evil-"+v.name), v.path(), "", unix.MS_BIND, "")
		} else {
			v.unmount()
		}
	},
}

// unmount takes away every mount on top of it.
func (v *target) unmount() {
	for unix.Unmount(v.path(), unix.MNT_DETACH) == nil {
	}
}

// targets are the program of the package and the artifact of the update.
func (v *vendor) targets(t *testing.T) []*target {
	t.Helper()
	spare := filepath.Join(v.dir, "spare")
	must(t, os.Mkdir(spare, 0o755))
	list := []*target{
		{dir: filepath.Join(v.pkg, "bin"), name: "updater", spare: spare, good: goodProgram, evil: evilProgram},
		{dir: v.stage, name: "reader.bin", spare: spare, good: goodArtifact, evil: evilArtifact},
	}
	for _, one := range list {
		must(t, os.WriteFile(filepath.Join(spare, "evil-"+one.name), []byte(one.evil), 0o755))
		// What he swaps the directory by has all else that belongs there.
		must(t, os.CopyFS(filepath.Join(spare, "dir-"+one.name), os.DirFS(one.dir)))
		t.Cleanup(one.unmount)
	}
	return list
}

// verified goes the whole way from the vendor's directories to a handle.
func (v *vendor) verified(ctx context.Context, tr *trust.Trust) (*trust.Verified, error) {
	p, err := tr.Admit(ctx, v.pkg)
	if err != nil {
		return nil, err
	}
	u, err := tr.AdmitUpdate(ctx, p, v.stage, v.document)
	if err != nil {
		return nil, err
	}
	a, err := tr.AdmitArtifacts(ctx, p, u, v.stage)
	if err != nil {
		return nil, err
	}
	verified, _, err := tr.Check(ctx, p, "install", u, a)
	return verified, err
}

// TestOtherBytesNeverRun races every round's way from the vendor's files to the
// running program against somebody who swaps them in each of his ways.
func TestOtherBytesNeverRun(t *testing.T) {
	rounds := *swapRounds / len(swaps)
	if testing.Short() {
		rounds = 8
	}
	x := newExecutor(t)
	ran, refused := 0, 0
	for name, swap := range swaps {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t)
			targets := v.targets(t)
			if name == "mounting over" && os.Geteuid() != 0 {
				t.Skip("only root can mount")
			}
			stop := v.attack(targets, swap)
			defer stop()
			hit, missed, why := 0, 0, ""
			for i := range rounds {
				out, err := v.round(t, x)
				switch {
				case err != nil:
					missed++
					why = err.Error()
				case out != "good\ngood\n":
					t.Fatalf("round %d ran other bytes: %q", i, out)
				default:
					hit++
				}
			}
			ran, refused = ran+hit, refused+missed
			t.Logf("%d rounds: %d ran the good bytes, %d were refused (last: %s), other bytes never ran", rounds, hit, missed, why)
		})
	}
	if ran == 0 || refused == 0 {
		t.Errorf("the races were none: %d ran, %d were refused", ran, refused)
	}
}

// attack swaps the targets until it is stopped.
func (v *vendor) attack(targets []*target, swap func(*target, int)) (stop func()) {
	var stopped atomic.Bool
	var attacker sync.WaitGroup
	attacker.Go(func() {
		for n := 0; !stopped.Load(); n++ {
			for _, one := range targets {
				swap(one, n)
			}
			time.Sleep(time.Duration(n%7) * 200 * time.Microsecond)
		}
	})
	return func() {
		stopped.Store(true)
		attacker.Wait()
	}
}

// round has a store of its own, so that each admission reads the files again.
func (v *vendor) round(t *testing.T, x *Executor) (string, error) {
	state, err := os.MkdirTemp(v.dir, "state-")
	must(t, err)
	defer os.RemoveAll(state)
	tr, err := trust.Open(trust.Options{
		VendorDirs: []string{filepath.Join(v.dir, "vendors")}, StateDir: state, BaseDir: v.dir, Unprivileged: true, Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	defer tr.Close()
	verified, err := v.verified(t.Context(), tr)
	if err != nil {
		return "", err
	}
	s := specIn(t, state)
	s.Program, s.OutputLimit = verified, 1000
	p, err := x.Start(t.Context(), s)
	must(t, err)
	r := p.Wait()
	x.Forget(s.ID)
	if r.Outcome != Succeeded {
		t.Fatalf("%+v", r)
	}
	return string(r.Output), nil
}
