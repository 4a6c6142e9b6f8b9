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
)

var swapRounds = flag.Int("swap.rounds", 1000, "rounds of the race between somebody who swaps payload and artifact and a start")

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

// swap puts good and evil bytes in turn where the package and the artifact came
// from, sometimes by rename and sometimes in place.
func (v *vendor) swap(n int) {
	program, artifact := goodProgram, goodArtifact
	if n%3 != 0 { // mostly evil: a round that is refused early costs little
		program, artifact = evilProgram, evilArtifact
	}
	next := filepath.Join(v.dir, "next")
	for name, content := range map[string]string{filepath.Join(v.pkg, "bin/updater"): program, filepath.Join(v.stage, "reader.bin"): artifact} {
		if n%2 == 0 {
			_ = os.WriteFile(next, []byte(content), 0o755)
			_ = os.Rename(next, name)
		} else if f, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteAt([]byte(content), 0)
			_ = f.Close()
		}
	}
	time.Sleep(time.Duration(n%7) * 200 * time.Microsecond)
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
// running program against somebody who swaps them.
func TestOtherBytesNeverRun(t *testing.T) {
	rounds := *swapRounds
	if testing.Short() {
		rounds = 50
	}
	v, x := newVendor(t), newExecutor(t)
	var stop atomic.Bool
	var attacker sync.WaitGroup
	attacker.Go(func() {
		for n := 0; !stop.Load(); n++ {
			v.swap(n)
		}
	})
	defer attacker.Wait()
	defer stop.Store(true)
	ran, refused, why := 0, 0, ""
	for i := range rounds {
		out, err := v.round(t, x)
		switch {
		case err != nil:
			refused++
			why = err.Error()
		case out != "good\ngood\n":
			t.Fatalf("round %d ran other bytes: %q", i, out)
		default:
			ran++
		}
	}
	t.Logf("%d rounds: %d ran the good bytes, %d were refused (last: %s), other bytes never ran", rounds, ran, refused, why)
	if rounds >= 500 && (ran == 0 || refused == 0) {
		t.Errorf("the race was none: %d ran, %d refused; last refusal: %s", ran, refused, why)
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
