package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/lullhq/lull/trust/internal/nofollow"
)

// Update is a verified update document in the store.
type Update struct {
	ID      string
	Version string
	Digest  string // sha256 of the document, 64 hex digits: its name in the store
	Doc     *UpdateDocument
	Signer  Signer
}

// documentName is the name under which an update document is stored.
const documentName = "update.json"

// AdmitUpdate verifies an update document and the bundle beside it, and stores
// both. name is what the scan printed: it is foreign, so it is opened below
// stageDir without following any link. From then on no older document of the
// same line is accepted, whoever replays it.
func (t *Trust) AdmitUpdate(ctx context.Context, p *Package, stageDir, name string) (*Update, error) {
	src, err := t.openStage(stageDir)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if why := badPath(name); why != "" {
		return nil, refuse(ErrDocument, "", fmt.Sprintf("document %q %s", clip(name), why), "name a file below the staging directory")
	}
	data, err := src.read(name, maxDocument)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = refuse(ErrDocument, src.at(name), "the scan names it, but it is not there", "write it to $LULL_STAGE_DIR before the scan ends")
		}
		return nil, err
	}
	pr, err := src.proof(name)
	if err != nil {
		return nil, err
	}
	u, err := t.judgeUpdate(t.current(), p, data, pr, src.at(name))
	if err != nil {
		return nil, err
	}
	if _, err := t.store.get(kindUpdates, u.Digest); err != nil {
		if err := t.storeUpdate(ctx, p, u, data, pr); err != nil {
			return nil, err
		}
	}
	return u, t.raiseUpdate(p, u)
}

func (t *Trust) storeUpdate(ctx context.Context, p *Package, u *Update, data []byte, pr proof) error {
	w, err := t.store.create()
	if err != nil {
		return err
	}
	err = w.put(ctx, documentName, data)
	if pr.bundle != nil {
		err = errors.Join(err, w.put(ctx, documentName+bundleSuffix, pr.bundle))
	} else {
		err = errors.Join(err, w.put(ctx, documentName+detachedSuffix, pr.detached))
	}
	if err != nil {
		w.abort()
		return err
	}
	_, err = w.commit(kindUpdates, u.Digest, record{Updater: p.ID, Signer: u.Signer})
	return err
}

// judgeUpdate applies to an update document what judge applies to a package.
func (t *Trust) judgeUpdate(g *Generation, p *Package, data []byte, pr proof, place string) (*Update, error) {
	doc, f := parseUpdateDocument(place, data)
	if err := f.err(); err != nil {
		return nil, err
	}
	v, err := g.usable(p.Vendor)
	if err != nil {
		return nil, err
	}
	fl, err := t.readFloors()
	if err == nil {
		err = t.checkClock(fl.Newest) // first: a wrong clock explains the rest
	}
	if err != nil {
		return nil, err
	}
	signed, err := t.vouch(g, v, pr, digests{doc: data})
	if err != nil {
		return nil, err
	}
	u := &Update{ID: doc.ID, Version: doc.Version, Digest: hexDigest(data), Doc: doc, Signer: signed.Signer}
	return u, t.checkUpdate(fl, p, v, u, place)
}

func (t *Trust) checkUpdate(fl *floors, p *Package, v *vendor, u *Update, place string) error {
	if !t.now().Before(v.Expires) && t.off != defenceVendorExpiry {
		return refuse(ErrExpired, v.File, "vendor "+v.Name+" ended", "set a later expires")
	}
	if errs := t.checkAge(t.now(), place, u.Doc.Created, u.Doc.Expires); len(errs) > 0 {
		return errs[0]
	}
	if err := t.checkUpdateScope(p, v, u, place); err != nil {
		return err
	}
	return t.checkUpdateFloor(fl, p, u)
}

func (t *Trust) checkUpdateScope(p *Package, v *vendor, u *Update, place string) error {
	if u.Doc.Updater != p.ID && t.off != defenceUpdater {
		return refuse(ErrScope, place, fmt.Sprintf("it is for updater %s, not for %s", u.Doc.Updater, p.ID), "sign a document for each updater")
	}
	if u.Doc.Platform != "any" && u.Doc.Platform != t.opt.Platform && t.off != defencePlatform {
		return refuse(ErrPlatform, place, fmt.Sprintf("%s, but this is %s", u.Doc.Platform, t.opt.Platform), "offer the document for this platform")
	}
	if t.off == defenceDenied {
		return nil
	}
	if v.denies(u.Digest) {
		return refuse(ErrDenied, place, u.Digest, "offer another version")
	}
	for _, a := range u.Doc.Artifacts {
		if v.denies(a.SHA256) {
			return refuse(ErrDenied, place, a.Name+" "+a.SHA256, "offer another version")
		}
	}
	return nil
}

// Update returns an update document from the store, as it was admitted.
func (t *Trust) Update(digest string) (*Update, error) {
	e, err := t.store.get(kindUpdates, digest)
	if err != nil {
		return nil, err
	}
	data, err := e.read(documentName, maxDocument)
	if err != nil {
		return nil, err
	}
	doc, err := ParseUpdateDocument(data)
	if err != nil {
		return nil, err
	}
	return &Update{ID: doc.ID, Version: doc.Version, Digest: digest, Doc: doc, Signer: e.record.Signer}, nil
}

// openStage opens a directory that an updater has written to.
func (t *Trust) openStage(dir string) (*source, error) {
	d, err := nofollow.OpenDir(dir)
	if err != nil {
		return nil, &Error{Reason: ErrIO, Path: dir, Err: cause(err)}
	}
	return &source{dir: d, path: path.Clean(dir)}, nil
}
