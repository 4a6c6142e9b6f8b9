package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
)

// Admit verifies the package in a directory and copies it, while hashing, into
// the store. Nothing is stored when anything is wrong; the error is then the
// most important of all problems, which [Trust.Inspect] lists. Admitting the
// same package again returns the stored one. The directory may be hostile and
// may change meanwhile: what is stored is what was verified.
func (t *Trust) Admit(ctx context.Context, dir string) (*Package, error) {
	src, err := openSource(dir)
	if err != nil {
		return nil, err
	}
	defer src.close()
	ev, err := src.evidence()
	if err != nil {
		return nil, err
	}
	j := t.judge(t.current(), ev)
	if err := j.err(""); err != nil {
		return nil, err
	}
	if err := firstOf(src.compare(j.pkg.Manifest, t.off)); err != nil {
		return nil, err
	}
	if e, err := t.store.get(kindPackages, j.pkg.Digest); err == nil && e.proves(ev) && e.intact(ctx, t.off) == nil {
		return j.pkg, nil
	}
	return j.pkg, t.storePackage(ctx, src, ev, j)
}

// AdmitSelf is [Trust.Admit] for a newer package that an updater left of itself:
// it may replace itself, and nobody else.
func (t *Trust) AdmitSelf(ctx context.Context, updater, dir string) (*Package, error) {
	p, err := t.Admit(ctx, dir)
	if err == nil && p.ID != updater && t.off != defenceSelfPackage {
		return nil, refuse(ErrScope, filepath.Join(dir, manifestName), fmt.Sprintf("updater %s left a package of %s; it may only replace itself", updater, p.ID), "register the other one with `lull register`")
	}
	return p, err
}

// proves tells whether the entry was stored with the same signatures.
func (e *entry) proves(ev evidence) bool {
	want := map[string][]byte{manifestName: ev.manifest}
	ev.eachProof(func(name string, data []byte) { want[name] = data })
	for name, data := range want {
		have, err := e.read(name, maxDocument+maxBundle)
		if err != nil || !bytes.Equal(have, data) {
			return false
		}
	}
	return true
}

// eachProof names the signatures as they are stored beside the manifest.
func (ev evidence) eachProof(visit func(name string, data []byte)) {
	if ev.proof.bundle != nil {
		visit(manifestName+bundleSuffix, ev.proof.bundle)
	} else {
		visit(manifestName+detachedSuffix, ev.proof.detached)
	}
	for _, a := range ev.attestations {
		visit(a.path[len(ev.place):], a.data)
	}
}

func (t *Trust) storePackage(ctx context.Context, src *source, ev evidence, j *judgement) (err error) {
	m := j.pkg.Manifest
	var need int64
	for _, f := range m.Payload {
		need += f.Size
	}
	if err := t.haveFloors(); err != nil {
		return err
	}
	w, err := t.store.create()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.abort()
		}
	}()
	if err := t.store.room(need); err != nil {
		return err
	}
	for _, f := range m.Payload {
		if err := t.takeFile(ctx, src, w, f); err != nil {
			return err
		}
	}
	if err := w.put(ctx, manifestName, ev.manifest); err != nil {
		return err
	}
	ev.eachProof(func(name string, data []byte) { err = errors.Join(err, w.put(ctx, name, data)) })
	if err != nil {
		return err
	}
	_, err = w.commit(kindPackages, j.pkg.Digest, record{Updater: m.ID, Signer: j.pkg.Signer})
	return err
}

// put adds bytes that are in memory already.
func (w *writer) put(ctx context.Context, name string, data []byte) error {
	_, err := w.add(ctx, bytes.NewReader(data), expect{Path: name, Size: int64(len(data)), SHA256: hexDigest(data)})
	return err
}

// takeFile copies one payload file into the store.
func (t *Trust) takeFile(ctx context.Context, src *source, w *writer, f File) error {
	file, err := src.dir.Open(f.Path)
	if err != nil {
		return src.fileError(f.Path, err)
	}
	defer file.Close()
	readAhead(file.Fd())
	first, all, err := head(file)
	if err != nil {
		return src.fileError(f.Path, err)
	}
	if err := t.checkFirst(src.at(f.Path), f, first); err != nil {
		return err
	}
	want := expect{Path: f.Path, SHA256: f.SHA256, Size: f.Size, Exec: f.Executable()}
	if t.off == defenceDigest {
		want.SHA256, want.Size = "", maxPackage
	}
	_, err = w.add(ctx, all, want)
	return at(src.path, err)
}

// checkFirst looks at the first bytes of a program.
func (t *Trust) checkFirst(path string, f File, first []byte) error {
	if !f.Executable() || t.off == defenceInterpreter {
		return nil
	}
	if e := checkScript(path, first, t.opt.Interpreters); e != nil {
		return e
	}
	return nil
}

// at puts a directory before the path of an error.
func at(dir string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Path == "" {
		return err
	}
	moved := *e
	moved.Path = (&source{path: dir}).at(e.Path)
	return &moved
}

// Inspect tells everything for which a package would be refused here, at once,
// and stores nothing. An empty list means that Admit would take it.
func (t *Trust) Inspect(ctx context.Context, dir string) []Problem {
	src, err := openSource(dir)
	if err != nil {
		return []Problem{problemOf("", err)}
	}
	defer src.close()
	ev, err := src.evidence()
	if err != nil {
		return problemsOf(append(src.bad, asError(err)))
	}
	j := t.judge(t.current(), ev)
	errs := j.errs
	m, _ := parseManifest(manifestName, ev.manifest)
	errs = append(errs, src.compare(m, t.off)...)
	for _, f := range m.Payload {
		if ctx.Err() != nil {
			break
		}
		if err := t.readFile(ctx, src, f); err != nil {
			errs = append(errs, asError(err))
		}
	}
	return problemsOf(errs)
}

// readFile compares one payload file with the manifest. A file that is missing
// or no file at all was told before.
func (t *Trust) readFile(ctx context.Context, src *source, f File) error {
	if badPath(f.Path) != "" || src.isBad(f.Path) {
		return nil
	}
	file, err := src.dir.Open(f.Path)
	if err != nil {
		return nil
	}
	defer file.Close()
	first, all, err := head(file)
	if err != nil {
		return src.fileError(f.Path, err)
	}
	if err := t.checkFirst(src.at(f.Path), f, first); err != nil {
		return err
	}
	want := expect{Path: src.at(f.Path), SHA256: f.SHA256, Size: f.Size}
	sum := sha256.New()
	n, err := copyLimited(ctx, sum, all, max(f.Size, 0))
	have := stored{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n}
	if errors.Is(err, errGrows) {
		return (&writer{}).copyError(want, n, err)
	}
	if err != nil {
		return src.fileError(f.Path, err)
	}
	if have.SHA256 != f.SHA256 || n != f.Size {
		return mismatch(want, have)
	}
	return nil
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return because(ErrIO, "", "", err)
}

func problemsOf(errs []*Error) []Problem {
	out := make([]Problem, 0, len(errs))
	seen := map[string]bool{}
	for _, e := range errs {
		p := problemOf("", e)
		if !seen[p.String()] {
			seen[p.String()] = true
			out = append(out, p)
		}
	}
	return out
}

// Package returns a package from the store, as it was admitted. Whether it may
// still run is for [Trust.Check] to say.
func (t *Trust) Package(digest string) (*Package, error) {
	e, err := t.store.get(kindPackages, digest)
	if err != nil {
		return nil, err
	}
	data, err := e.read(manifestName, maxDocument)
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(data)
	if err != nil {
		return nil, err
	}
	return &Package{ID: m.ID, Vendor: m.Vendor, Version: m.Version, Digest: digest, Manifest: m, Signer: e.record.Signer}, nil
}

// evidence reads from the store what a package says for itself.
func (e *entry) evidence() (evidence, error) {
	ev := evidence{place: e.tree() + "/"}
	var err error
	if ev.manifest, err = e.read(manifestName, maxDocument); err != nil {
		return ev, err
	}
	if ev.proof, err = e.proof(manifestName); err != nil {
		return ev, err
	}
	for _, f := range e.record.Files {
		if reserved(f.Path) && f.Path != manifestName && f.Path != manifestName+bundleSuffix && f.Path != manifestName+detachedSuffix {
			data, err := e.read(f.Path, maxBundle)
			if err != nil {
				return ev, err
			}
			ev.attestations = append(ev.attestations, attestationFile{path: ev.place + f.Path, data: data})
		}
	}
	return ev, nil
}

func (e *entry) proof(name string) (proof, error) {
	for _, f := range e.record.Files {
		switch f.Path {
		case name + bundleSuffix:
			data, err := e.read(f.Path, maxBundle)
			return proof{path: e.tree() + "/" + f.Path, bundle: data}, err
		case name + detachedSuffix:
			data, err := e.read(f.Path, 64<<10)
			return proof{path: e.tree() + "/" + f.Path, detached: bareSignature(data)}, err
		}
	}
	return proof{path: e.tree() + "/" + name + bundleSuffix}, nil
}
