package trust

import (
	"context"
	"io"
)

type Generation struct{ digest string }

func (g *Generation) Digest() string      { return g.digest }
func (g *Generation) Vendors() []Vendor   { return nil }
func (g *Generation) Problems() []Problem { return nil }

func Open(o Options) (*Trust, error)     { return &Trust{opt: o}, nil }
func (t *Trust) Close() error            { return nil }
func (t *Trust) Generation() *Generation { return t.gen.Load() }
func (t *Trust) Reload() *Generation     { return nil }

func ParseManifest(data []byte) (*Manifest, error)             { return nil, ErrManifest }
func ParseUpdateDocument(data []byte) (*UpdateDocument, error) { return nil, ErrDocument }

type Package struct {
	ID, Vendor, Version string
	Digest              string
	Manifest            *Manifest
	Signer              Signer
}
type Update struct {
	ID, Version, Digest string
	Doc                 *UpdateDocument
	Signer              Signer
}
type Artifacts struct {
	Digest string
	Dir    string
	Files  []Blob
}
type Blob struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

func (t *Trust) Admit(ctx context.Context, dir string) (*Package, error)     { return nil, ErrUnsigned }
func (t *Trust) AdmitTar(ctx context.Context, r io.Reader) (*Package, error) { return nil, ErrUnsigned }
func (t *Trust) Inspect(ctx context.Context, dir string) []Problem           { return nil }
func (t *Trust) Package(digest string) (*Package, error)                     { return nil, ErrNotStored }
func (t *Trust) Commit(p *Package) error                                     { return nil }
func (t *Trust) AdmitUpdate(ctx context.Context, p *Package, stageDir, name string) (*Update, error) {
	return nil, ErrUnsigned
}
func (t *Trust) Update(digest string) (*Update, error) { return nil, ErrNotStored }
func (t *Trust) AdmitArtifacts(ctx context.Context, p *Package, u *Update, stageDir string) (*Artifacts, error) {
	return nil, ErrArtifacts
}
func (t *Trust) Artifacts(digest string) (*Artifacts, error) { return nil, ErrNotStored }
func (t *Trust) Check(ctx context.Context, p *Package, action string, u *Update, a *Artifacts) (*Verified, map[string]any, error) {
	return nil, Unchecked(), ErrUnsigned
}
func (t *Trust) Revoke(vendor, keyID, reason string) error { return nil }
func (t *Trust) GC(keep []string) error                    { return nil }

type Verified struct {
	t   *Trust
	gen *Generation
	p   *Package
	dir string
	art string
}

func (v *Verified) Dir() string         { return v.dir }
func (v *Verified) Digest() string      { return v.p.Digest }
func (v *Verified) Manifest() *Manifest { return v.p.Manifest }
func (v *Verified) Argv(action string) (path string, args []string) {
	return "", nil
}
func (v *Verified) ArtifactDir() string { return v.art }
func (v *Verified) Generation() string  { return v.gen.digest }
func (v *Verified) Valid() error        { return nil }

func Unchecked() map[string]any {
	return map[string]any{"checked": false, "verified": false, "error_code": ""}
}
