//go:build unix

package trust

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mutations switch off one defence each and then do what it defends against.
// With the defence, the deed must fail; without it, it must succeed: so every
// defence is needed, and its test can fail.
var mutations = []struct {
	off  defence
	deed func(w *world) error
}{
	{defenceClock, inAdmit("a clock before the newest signature")},
	{defenceWindow, inAdmit("a key after its time")},
	{defenceRevoked, inAdmit("a key that was revoked here")},
	{defenceDenied, inAdmit("a denied payload file")},
	{defenceExpiry, inAdmit("an expired package")},
	{defenceVendorExpiry, inAdmit("a vendor that has ended")},
	{defenceFuture, inAdmit("a package from the future")},
	{defenceScope, inAdmit("an updater outside its vendor's scope")},
	{defenceActions, inAdmit("an action outside the scope")},
	{defenceComponent, inAdmit("a component that the scope does not list")},
	{defenceWrite, inAdmit("a directory outside the scope")},
	{defencePlatform, inAdmit("another platform")},
	{defenceMinVersion, inAdmit("a version below the administrator's minimum")},
	{defenceFloor, inAdmit("a version below one registered before")},
	{defenceBound, inAdmit("an id that belongs to another vendor")},
	{defenceDigest, inAdmit("a payload file whose bytes changed")},
	{defenceExtra, inAdmit("a file that the manifest does not list")},
	{defenceInterpreter, inAdmit("an interpreter that is not allowed")},
	{defenceOverlap, inAdmit("a vendor whose scope overlaps another's")},
	{defenceLogged, inAdmit("a key that must be logged, and is not")},
	{defenceUpdater, inDocument("one for another updater")},
	{defenceUpdateFloor, inDocument("an older one of the line")},
	{defenceHardLinks, func(w *world) error {
		p := w.admitted("3.1.0")
		u, err := w.AdmitUpdate(context.Background(), p, w.path("stage"), w.document("12.4.0", "x"))
		if err != nil {
			return err
		}
		os.Link(w.path("stage/reader.bin"), w.path("second-name"))
		_, err = w.AdmitArtifacts(context.Background(), p, u, w.path("stage"))
		return err
	}},
	{defenceLinks, func(w *world) error {
		dir := w.pack("a", w.manifest("3.1.0"))
		os.Symlink("/etc/passwd", filepath.Join(dir, "extra-link"))
		_, err := w.Admit(context.Background(), dir)
		return err
	}},
	{defenceStored, func(w *world) error {
		p := w.admitted("3.1.0")
		path := filepath.Join(w.store.path(kindPackages, p.Digest), "tree/bin/updater")
		evil := bytes.Replace([]byte(program), []byte("reader"), []byte("EVILLY"), 1)
		os.Chmod(path, 0o755)
		os.WriteFile(path, evil, 0o755)
		os.Chmod(path, 0o555)
		_, _, err := w.Check(context.Background(), p, "scan", nil, nil)
		return err
	}},
	{defenceOwners, func(w *world) error {
		os.Chmod(w.path("etc/example.yaml"), 0o666)
		w.Reload()
		_, err := w.Admit(context.Background(), w.pack("a", w.manifest("3.1.0")))
		return err
	}},
	{defenceDisabled, inAdmit("a disabled vendor")},
	{defenceNews, func(w *world) error {
		p := w.admitted("3.1.0")
		other, err := Open(w.opt) // as the command line would
		if err != nil {
			w.t.Fatal(err)
		}
		if err := other.Revoke("example", "", "went rogue"); err != nil {
			w.t.Fatal(err)
		}
		_, _, err = w.Check(context.Background(), p, "scan", nil, nil)
		return err
	}},
	{defenceDamage, func(w *world) error {
		p := w.admitted("3.1.0")
		w.write("state/revocations/example-0.json", "{")
		_, _, err := w.Check(context.Background(), p, "scan", nil, nil)
		return err
	}},
	{defenceLost, func(w *world) error {
		p := w.admitted("3.1.0")
		os.Remove(w.path("state/floors.json"))
		_, _, err := w.Check(context.Background(), p, "scan", nil, nil)
		return err
	}},
	{defenceQuota, func(w *world) error {
		off := w.off
		w.opt.StoreLimit = 16
		w.open()
		w.off = off
		_, err := w.Admit(context.Background(), w.pack("a", w.manifest("3.1.0")))
		return err
	}},
	{defenceSelf, func(w *world) error {
		p := w.admitted("3.1.0")
		w.vendor(`min_version: "1.0.0"`, "artifacts: self")
		w.write("stage/data.bin", "downloaded")
		w.write("stage/self/manifest.json", "{}")
		a, err := w.AdmitArtifacts(context.Background(), p, nil, w.path("stage"))
		if err == nil && len(a.Files) < 2 {
			err = errors.New("self was left out")
		}
		return err
	}},
	{defenceSelfPackage, func(w *world) error {
		_, err := w.AdmitSelf(context.Background(), "com.example.writer", w.pack("a", w.manifest("3.1.0")))
		return err
	}},
	{defenceReboot, func(w *world) error {
		p := w.admitted("3.1.0")
		e, err := w.store.get(kindPackages, p.Digest)
		if err != nil {
			return err
		}
		path := filepath.Join(e.tree(), "share/notes.txt")
		os.Chmod(path, 0o644)
		os.WriteFile(path, []byte("NOTES of 3.1.0\n"), 0o644)
		os.Chmod(path, 0o444)
		for i := range e.record.Files {
			if info, err := os.Stat(filepath.Join(e.tree(), e.record.Files[i].Path)); err == nil {
				e.record.Files[i].identify(info)
			}
		}
		if err := writeRecord(e.dir, e.record); err != nil {
			return err
		}
		off := w.off
		w.opt.Boot = "boot-2"
		w.open()
		w.off = off
		_, _, err = w.Check(context.Background(), p, "scan", nil, nil)
		return err
	}},
	{defenceArtifacts, func(w *world) error {
		_, _, err := w.Check(context.Background(), w.admitted("3.1.0"), "install", nil, nil)
		return err
	}},
	{defenceGeneration, func(w *world) error {
		v, _, err := w.Check(context.Background(), w.admitted("3.1.0"), "scan", nil, nil)
		if err != nil {
			return err
		}
		w.vendor("An Auditor", "Another")
		return v.Valid()
	}},
	{defenceSubject, inAttestation("with the digest, another name")},
	{defencePredicate, inAttestation("of a type nobody asked for")},
	{defenceAttestOnly, func(w *world) error {
		w.key("auditor")
		w.write("etc/auditor.pub", w.read("keys/auditor.pub"))
		w.vendor("scopes:", "  - {id: auditor, pem_file: auditor.pub, attest_only: true}\nscopes:")
		_, err := w.Admit(context.Background(), w.packWith("a", w.manifest("3.1.0"), "auditor"))
		return err
	}},
}

func inAdmit(name string) func(w *world) error {
	return func(w *world) error {
		for _, tt := range refusals {
			if tt.name == name {
				_, err := w.Admit(context.Background(), tt.setup(w))
				return err
			}
		}
		panic("no refusal " + name)
	}
}

func inDocument(name string) func(w *world) error {
	return func(w *world) error {
		p := w.admitted("3.1.0")
		for _, tt := range badDocuments {
			if tt.name == name {
				_, err := w.AdmitUpdate(context.Background(), p, w.path("stage"), tt.setup(w))
				return err
			}
		}
		panic("no document " + name)
	}
}

func inAttestation(name string) func(w *world) error {
	return func(w *world) error {
		dir := w.pack("a", w.manifest("3.1.0"))
		w.attest("pkg/a/x.intoto.sigstore.json", "example", badAttestations[name].statement(w))
		_, err := w.Admit(context.Background(), dir)
		return err
	}
}

func TestEveryDefenceIsMissedWhenItIsSwitchedOff(t *testing.T) {
	seen := map[defence]bool{}
	for _, m := range mutations {
		seen[m.off] = true
		t.Run(string(m.off), func(t *testing.T) {
			t.Parallel()
			if err := m.deed(newWorld(t)); err == nil {
				t.Error("the deed succeeds although the defence is on")
			}
			w := newWorld(t)
			w.off = m.off
			w.Reload()
			if err := m.deed(w); err != nil {
				t.Errorf("the deed still fails without the defence, so its test proves nothing: %v", err)
			}
		})
	}
	source, err := os.ReadFile("defence.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(source)) {
		_, value, ok := strings.Cut(line, `defence = "`)
		if name := defence(strings.TrimSuffix(strings.TrimSpace(value), `"`)); ok && !seen[name] {
			t.Errorf("no mutation switches off %q", name)
		}
	}
}
