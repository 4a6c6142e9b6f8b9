package trust

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// Verified is a package that may run now. It is the only thing from which a
// process can be started, and only [Trust.Check] makes one: an unverified path
// does not type-check as something that can run, and the zero value, which does,
// is not valid.
type Verified struct {
	t         *Trust
	g         *Generation
	pkg       *Package
	action    string
	dir       string
	artifacts string
}

// Check tells, just before a start, whether everything that was vouched for
// still is: signature and signer under the vendors in force, revocations,
// scope, times, floors, and the stored bytes. It raises the floors before it
// returns. u and a are the update and its artifacts, nil where the action has
// none. The map is input.trust, filled in on failure too.
func (t *Trust) Check(ctx context.Context, p *Package, action string, u *Update, a *Artifacts) (*Verified, map[string]any, error) {
	f := newTold()
	v, err := t.check(ctx, f, p, action, u, a)
	if err != nil {
		return nil, f.end(err), err
	}
	return v, f.end(nil), nil
}

func (t *Trust) check(ctx context.Context, f told, p *Package, action string, u *Update, a *Artifacts) (*Verified, error) {
	g := t.current()
	e, err := t.store.get(kindPackages, p.Digest)
	if err != nil {
		return nil, err
	}
	ev, err := e.evidence()
	if err != nil {
		return nil, err
	}
	j := t.judge(g, ev)
	f.judged(j)
	if err := j.err(action); err != nil {
		return nil, err
	}
	if err := j.checkAction(action); err != nil {
		return nil, err
	}
	if err := t.checkUpdateAgain(ctx, f, j, action, u, a); err != nil {
		return nil, err
	}
	if err := e.intact(ctx, t.off); err != nil {
		return nil, err
	}
	if err := t.Commit(j.pkg); err != nil {
		return nil, err
	}
	out := &Verified{t: t, g: g, pkg: j.pkg, action: action, dir: e.tree()}
	if a != nil {
		out.artifacts = a.Dir
	}
	return out, nil
}

// checkAction refuses an action that the manifest does not have.
func (j *judgement) checkAction(action string) error {
	if _, ok := j.pkg.Manifest.Actions[action]; !ok && action != "scan" {
		return refuse(ErrManifest, manifestName, fmt.Sprintf("it has no action %q", clip(action)), "")
	}
	return nil
}

// stated are the actions that bring an update, so that somebody must have
// signed what it consists of.
var stated = []string{"download", "install", "prereboot", "complete"}

// checkUpdateAgain verifies document and artifacts from the store once more.
func (t *Trust) checkUpdateAgain(ctx context.Context, f told, j *judgement, action string, u *Update, a *Artifacts) error {
	binding := BindingNone
	if slices.Contains(stated, action) {
		binding = BindingStatement
		if u == nil {
			binding = BindingSelf
		}
	}
	f.artifacts(binding, a)
	if binding == BindingSelf && j.scope.Binding() != BindingSelf && t.off != defenceArtifacts {
		return refuse(ErrArtifacts, "", "no signed update document, which the vendor's scope demands", "the scan must name one, or the administrator allow artifacts: self")
	}
	if u != nil {
		if err := t.checkStoredUpdate(ctx, f, j, u); err != nil {
			return err
		}
	}
	return t.checkStoredArtifacts(ctx, j.pkg, action, u, a)
}

func (t *Trust) checkStoredUpdate(ctx context.Context, f told, j *judgement, u *Update) error {
	e, err := t.store.get(kindUpdates, u.Digest)
	if err != nil {
		return err
	}
	data, err := e.read(documentName, maxDocument)
	if err != nil {
		return err
	}
	pr, err := e.proof(documentName)
	if err != nil {
		return err
	}
	again, err := t.judgeUpdate(j.g, j.pkg, data, pr, filepath.Join(e.tree(), documentName))
	if err != nil {
		return err
	}
	f.update(again, j.now)
	if err := e.intact(ctx, t.off); err != nil {
		return err
	}
	return t.raiseUpdate(j.pkg, again)
}

// checkStoredArtifacts makes sure that an install reads exactly what the
// document states.
func (t *Trust) checkStoredArtifacts(ctx context.Context, p *Package, action string, u *Update, a *Artifacts) error {
	if a == nil {
		if action == "install" && u != nil && len(u.Doc.Artifacts) > 0 {
			return refuse(ErrNotStored, "", "the artifacts of "+u.ID, "download them first")
		}
		return nil
	}
	e, err := t.store.get(kindArtifacts, a.Digest)
	if err != nil {
		return err
	}
	if e.record.Updater != p.ID {
		return refuse(ErrDigest, e.dir, fmt.Sprintf("these artifacts belong to %s", e.record.Updater), "download them again")
	}
	if u != nil {
		if err := sameFiles(u.Doc.Artifacts, e); err != nil {
			return err
		}
	}
	if setDigest(p.ID, e.record.Files) != a.Digest {
		return refuse(ErrState, e.dir, "its record is not what it is named after", "download them again")
	}
	return e.intact(ctx, t.off)
}

func sameFiles(want []Artifact, e *entry) error {
	have := map[string]stored{}
	for _, f := range e.record.Files {
		have[f.Path] = f
	}
	for _, a := range want {
		if f := have[a.Name]; f.SHA256 != a.SHA256 || f.Size != a.Size {
			return refuse(ErrDigest, e.dir, fmt.Sprintf("%s is not the one that was signed", a.Name), "download it again")
		}
	}
	if len(have) != len(want) {
		return refuse(ErrDigest, e.dir, "more files than were signed", "download them again")
	}
	return nil
}

// Dir is the package's tree in the store, read-only.
func (v *Verified) Dir() string { return v.dir }

// Digest is the digest of the package's manifest.
func (v *Verified) Digest() string { return v.pkg.Digest }

// Package is what was verified.
func (v *Verified) Package() *Package { return v.pkg }

// Manifest is the signed manifest.
func (v *Verified) Manifest() *Manifest { return v.pkg.Manifest }

// Argv is the program of an action, absolute in the store, and its arguments
// without argv[0]; "" for an action that the manifest does not have.
func (v *Verified) Argv(action string) (path string, args []string) {
	exec := v.pkg.Manifest.Actions[action].Exec
	if action == "scan" {
		exec = v.pkg.Manifest.Scan.Exec
	}
	if len(exec) == 0 {
		return "", nil
	}
	return filepath.Join(v.dir, filepath.FromSlash(exec[0])), slices.Clone(exec[1:])
}

// ArtifactDir holds the verified artifacts, read-only; "" when there are none.
func (v *Verified) ArtifactDir() string { return v.artifacts }

// Generation is the digest of the vendors under which this was verified.
func (v *Verified) Generation() string { return v.g.digest }

// Valid fails with ErrStale when the vendors changed, or somebody was revoked,
// since the check, and with ErrNotVerified for what Check did not make. The
// first and the last thing of a start is to ask.
func (v *Verified) Valid() error {
	if v == nil || v.t == nil {
		return refuse(ErrNotVerified, "", "", "ask Check for it")
	}
	if now := v.t.current(); now.digest != v.g.digest && v.t.off != defenceGeneration {
		return refuse(ErrStale, "", "", "it is checked again")
	}
	return nil
}
