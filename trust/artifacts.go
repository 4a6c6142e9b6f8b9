package trust

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Artifacts is a set of downloaded files in the store.
type Artifacts struct {
	Digest  string // of the list of names, sizes and digests: the set's name in the store
	Dir     string // where the files are, read-only
	Files   []Blob // sorted by path
	Binding string // BindingStatement or BindingSelf
	updater string
}

// AdmitArtifacts copies what a download left in its staging directory into the
// store, while hashing. No process of the download may be left. With an update
// document, exactly the files that it names are taken and must be what was
// signed; without one (u is nil) every regular file is taken, which the
// vendor's scope must allow (artifacts: self). No link is followed, and the
// directory "self", where an updater leaves a newer package of its own, is left
// out.
func (t *Trust) AdmitArtifacts(ctx context.Context, p *Package, u *Update, stageDir string) (*Artifacts, error) {
	_, scope, err := t.scopeOf(t.current(), p)
	if err != nil {
		return nil, err
	}
	src, err := t.openStage(stageDir)
	if err != nil {
		return nil, err
	}
	defer src.close()
	list, binding, err := t.wanted(src, scope, u)
	if err != nil {
		return nil, err
	}
	return t.storeArtifacts(ctx, p, src, list, binding)
}

// wanted lists what is to be copied.
func (t *Trust) wanted(src *source, scope Scope, u *Update) (list []expect, binding string, err error) {
	binding = BindingStatement
	if u == nil {
		binding = BindingSelf
		if scope.Binding() != BindingSelf && t.off != defenceArtifacts {
			return nil, "", refuse(ErrArtifacts, "", "the vendor's scope wants every artifact in a signed update document", "sign a document for the update, or ask the administrator for artifacts: self")
		}
		list, err = selfStated(src, t.off)
	} else {
		for _, a := range u.Doc.Artifacts {
			list = append(list, expect{Path: a.Name, SHA256: a.SHA256, Size: a.Size})
		}
	}
	if err != nil {
		return nil, "", err
	}
	return list, binding, withinLimits(scope, list)
}

func withinLimits(scope Scope, list []expect) error {
	limit := scope.MaxArtifactBytes
	if limit == 0 {
		limit = maxArtifact
	}
	for _, e := range list {
		if e.Size > limit {
			return refuse(ErrTooLarge, e.Path, sizeText(e.Size, limit), "ask the administrator for a larger max_artifact_bytes")
		}
	}
	return nil
}

func sizeText(size, limit int64) string {
	return fmt.Sprintf("%d bytes, at most %d are allowed", size, limit)
}

// selfStated lists every file of the staging directory. Their sizes are upper
// bounds: a file that grows meanwhile is refused.
func selfStated(src *source, off defence) ([]expect, error) {
	if err := src.list(); err != nil {
		return nil, err
	}
	if len(src.bad) > 0 {
		return nil, src.bad[0]
	}
	var list []expect
	for _, name := range src.files {
		if strings.HasPrefix(name, "self/") && off != defenceSelf {
			continue
		}
		if why := badPath(name); why != "" {
			return nil, refuse(ErrPayload, src.at(name), "its name "+why, "choose a plain name")
		}
		info, err := src.dir.Lstat(name)
		if err != nil {
			return nil, src.fileError(name, err)
		}
		list = append(list, expect{Path: name, Size: info.Size()})
	}
	return list, nil
}

func (t *Trust) storeArtifacts(ctx context.Context, p *Package, src *source, list []expect, binding string) (a *Artifacts, err error) {
	var need int64
	for _, e := range list {
		need += e.Size
	}
	w, err := t.store.create()
	if err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if !done {
			w.abort()
		}
	}()
	if err := t.store.room(need); err != nil {
		return nil, err
	}
	for _, e := range list {
		if err := t.takeArtifact(ctx, src, w, e); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(w.files, func(a, b stored) int { return strings.Compare(a.Path, b.Path) })
	key := setDigest(p.ID, w.files)
	if old, err := t.store.get(kindArtifacts, key); err == nil && old.intact(ctx, t.off) == nil && old.record.Binding == binding {
		return old.artifacts(), nil
	}
	done = true
	e, err := w.commit(kindArtifacts, key, record{Updater: p.ID, Binding: binding})
	if err != nil {
		return nil, err
	}
	return e.artifacts(), nil
}

// takeArtifact copies one downloaded file. A second name for it could be a way
// to have lull read what its updater cannot, so there must be none.
func (t *Trust) takeArtifact(ctx context.Context, src *source, w *writer, e expect) error {
	f, err := src.dir.Open(e.Path)
	if err != nil {
		return src.fileError(e.Path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return src.fileError(e.Path, err)
	}
	if _, _, links := identityOf(info); links > 1 && t.off != defenceHardLinks {
		return refuse(ErrNotRegular, src.at(e.Path), fmt.Sprintf("the file has %d names", links), "download into a new file")
	}
	readAhead(f.Fd())
	_, err = w.add(ctx, f, e)
	return at(src.path, err)
}

// setDigest names a set of files by its content and its updater.
func setDigest(updater string, files []stored) string {
	list := []Blob{}
	for _, f := range files {
		list = append(list, Blob{Path: f.Path, SHA256: f.SHA256, Size: f.Size})
	}
	data, err := json.Marshal(struct {
		Updater string `json:"updater"`
		Files   []Blob `json:"files"`
	}{updater, list})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return hexDigest(data)
}

func (e *entry) artifacts() *Artifacts {
	return &Artifacts{Digest: e.record.Key, Dir: e.tree(), Files: e.blobs(), Binding: e.record.Binding, updater: e.record.Updater}
}

// Artifacts returns a set of artifacts from the store.
func (t *Trust) Artifacts(digest string) (*Artifacts, error) {
	e, err := t.store.get(kindArtifacts, digest)
	if err != nil {
		return nil, err
	}
	return e.artifacts(), nil
}

// scopeOf finds the vendor in force and the scope of a package.
func (t *Trust) scopeOf(g *Generation, p *Package) (*vendor, Scope, error) {
	v, err := g.usable(p.Vendor)
	if err != nil {
		return nil, Scope{}, err
	}
	for _, s := range v.Scopes {
		if s.covers(p.ID) {
			return v, s, nil
		}
	}
	return nil, Scope{}, refuse(ErrScope, v.File, fmt.Sprintf("vendor %s may not register %s", v.Name, p.ID), "ask the administrator for a scope")
}

// Standing tells whether anybody still vouches for a package as far as that can
// be told without reading a byte of it: its vendor is in force, and the signer
// who vouched for it when it was admitted was not revoked. [Trust.Check] tells
// the rest, just before a start.
func (t *Trust) Standing(p *Package) error {
	g := t.current()
	v, err := g.usable(p.Vendor)
	if err != nil {
		return err
	}
	revoked := slices.ContainsFunc(v.Keys, func(k Key) bool { return k.ID == p.Signer.ID && k.Revoked }) ||
		slices.ContainsFunc(v.Identities, func(i Identity) bool { return i.ID == p.Signer.ID && i.Revoked })
	return voucher{t: t, g: g, v: v}.mayStill(p.Signer.ID, revoked, false)
}

// ScopeOf returns what the vendor file in force lets a package do: which
// restarts it may ask for, whether its deadlines count. The error is as for
// [Generation.Vendor], or ErrScope.
func (t *Trust) ScopeOf(p *Package) (Scope, error) {
	_, s, err := t.scopeOf(t.current(), p)
	return s, err
}
