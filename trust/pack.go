package trust

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
	"github.com/lullhq/lull/trust/internal/strict"
)

// PackOptions say what Pack does.
type PackOptions struct {
	Dir      string                 // required: the package's directory, with a manifest.json
	KeyFile  string                 // sign with this private key; "" leaves the package unsigned
	Password func() ([]byte, error) // asked for an encrypted key
	Out      string                 // also write the package as this tar file
}

// PackResult says what Pack made.
type PackResult struct {
	Dir      string `json:"dir"`
	ID       string `json:"id"`
	Version  string `json:"version"`
	Digest   string `json:"digest"` // of manifest.json
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
	Manifest string `json:"manifest"` // path
	Bundle   string `json:"bundle,omitempty"`
	Tar      string `json:"tar,omitempty"`
}

// Pack turns a directory with a manifest.json into an updater package: it fills
// in the payload list from the files that are there, and created and expires
// (one year) where they are missing, checks everything that can be checked
// without a vendor file, and signs when a key is given. A file that may be
// executed becomes mode exec, unless the manifest says otherwise. manifest.json
// is rewritten; a signature of an older one is removed.
func Pack(ctx context.Context, o PackOptions) (*PackResult, error) {
	src, err := openSource(o.Dir)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if err := firstOf(src.bad); err != nil {
		return nil, err
	}
	m, err := src.template()
	if err != nil {
		return nil, err
	}
	if err := src.fill(ctx, m); err != nil {
		return nil, err
	}
	data, err := encode(m)
	if err != nil {
		return nil, err
	}
	if _, f := parseManifest(src.at(manifestName), data); len(f.list) > 0 {
		return nil, f.err()
	}
	res := &PackResult{Dir: o.Dir, ID: m.ID, Version: m.Version, Digest: hexDigest(data), Files: len(m.Payload), Manifest: src.at(manifestName)}
	for _, f := range m.Payload {
		res.Bytes += f.Size
	}
	return res, res.write(ctx, o, data)
}

func (r *PackResult) write(ctx context.Context, o PackOptions, manifest []byte) error {
	bundle := r.Manifest + bundleSuffix
	if old, err := os.ReadFile(r.Manifest); err != nil || !bytes.Equal(old, manifest) {
		if err := os.Remove(bundle); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return stateError(bundle, cause(err))
		}
		if err := writeFile(r.Manifest, manifest); err != nil {
			return err
		}
	}
	if o.KeyFile != "" {
		if err := Sign(ctx, r.Manifest, o.KeyFile, o.Password); err != nil {
			return err
		}
		r.Bundle = bundle
	}
	if o.Out == "" {
		return nil
	}
	r.Tar = o.Out
	return writeTar(o.Dir, o.Out)
}

// template reads the manifest as the vendor wrote it, in which the payload and
// the times may be missing.
func (s *source) template() (*Manifest, error) {
	data, err := s.read(manifestName, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(ErrManifest, s.at(manifestName), "missing", "write one; trust/README.md shows the keys")
	}
	if err != nil {
		return nil, err
	}
	f := &faults{why: ErrManifest, file: s.at(manifestName)}
	m := &Manifest{}
	root, err := strict.ParseJSON(data)
	if f.decode(root, err, m) {
		m.fillDefaults(root)
	}
	return m, f.err()
}

// fill completes the manifest from what lies in the directory.
func (s *source) fill(ctx context.Context, m *Manifest) error {
	modes := map[string]string{}
	for _, f := range m.Payload {
		modes[f.Path] = f.Mode
	}
	m.Payload = []File{}
	if m.Actions == nil {
		m.Actions = map[string]Action{}
	}
	for _, name := range s.files {
		if reserved(name) {
			continue
		}
		f, err := s.describe(ctx, name, m.runs(name))
		if err != nil {
			return err
		}
		if mode := modes[name]; mode != "" {
			f.Mode = mode
		}
		m.Payload = append(m.Payload, *f)
	}
	if m.Created.IsZero() {
		m.Created = time.Now().UTC().Truncate(time.Second)
	}
	if m.Expires.IsZero() {
		m.Expires = m.Created.AddDate(1, 0, 0)
	}
	return nil
}

// describe hashes a file. A program is told by its mode; on Windows, whose files
// have no such mode, by program: the manifest runs it.
func (s *source) describe(ctx context.Context, name string, program bool) (*File, error) {
	file, err := s.dir.Open(name)
	if err != nil {
		return nil, s.fileError(name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, s.fileError(name, err)
	}
	digest, size, err := hashAll(ctx, file, crypto.SHA256)
	if err != nil {
		return nil, s.fileError(name, err)
	}
	f := &File{Path: name, SHA256: fmt.Sprintf("%x", digest), Size: size, Mode: ModeData}
	if info.Mode().Perm()&0o111 != 0 || runtime.GOOS == "windows" && program {
		f.Mode = ModeExec
		first := make([]byte, scriptHead)
		n, _ := file.ReadAt(first, 0)
		if e := checkScript(s.at(name), first[:n], DefaultInterpreters); e != nil {
			return nil, e
		}
	}
	return f, nil
}

// hashAll reads a file once.
func hashAll(ctx context.Context, r io.Reader, h crypto.Hash) (digest []byte, size int64, err error) {
	sum := h.New()
	size, err = copyLimited(ctx, sum, r, maxArtifact)
	return sum.Sum(nil), size, err
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// Sign signs a file with a private key (plain PEM, or encrypted by cosign) and
// writes the bundle beside it, as FILE.sigstore.json. Stock cosign accepts it:
// cosign verify-blob --key PUB --bundle FILE.sigstore.json --insecure-ignore-tlog FILE.
func Sign(ctx context.Context, file, keyFile string, password func() ([]byte, error)) error {
	key, err := loadKey(keyFile, password)
	if err != nil {
		return err
	}
	data, err := readRegular(file, maxDocument)
	if err != nil {
		return err
	}
	bundle, err := sig.SignBlob(ctx, key, data)
	if err != nil {
		return because(ErrSignature, file, "cannot be signed", err)
	}
	return writeFile(file+bundleSuffix, bundle)
}

func loadKey(file string, password func() ([]byte, error)) (crypto.Signer, error) {
	data, err := readRegular(file, 64<<10)
	if err != nil {
		return nil, err
	}
	key, err := sig.ParsePrivateKey(data, password)
	if err != nil {
		return nil, &Error{Reason: ErrSignature, Path: file, What: "the private key cannot be used", Err: err}
	}
	return key, nil
}

// GenerateKey makes an ECDSA P-256 key pair and writes DIR/NAME.key (readable
// by its owner only) and DIR/NAME.pub. With a password the private key is
// encrypted as cosign does it. Existing files are never overwritten.
func GenerateKey(dir, name string, password []byte) (private, public string, err error) {
	priv, pub, err := sig.GenerateKey(password)
	if err != nil {
		return "", "", because(ErrSignature, "", "no key was made", err)
	}
	private, public = filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pub")
	if err := createFile(private, priv, 0o600); err != nil {
		return "", "", err
	}
	return private, public, createFile(public, pub, 0o644)
}

func createFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return stateError(path, cause(err))
	}
	_, err = f.Write(data)
	return stateError(path, errors.Join(err, f.Sync(), f.Close()))
}

// writeTar writes the package as one file. It is the same for the same content:
// sorted, without owners and times.
func writeTar(dir, out string) (err error) {
	src, err := openSource(dir)
	if err != nil {
		return err
	}
	defer src.close()
	f, err := os.Create(out)
	if err != nil {
		return stateError(out, cause(err))
	}
	defer func() { err = stateError(out, errors.Join(err, f.Close())) }()
	w := tar.NewWriter(f)
	for _, name := range src.files {
		if err := src.tarFile(w, name); err != nil {
			return err
		}
	}
	return w.Close()
}

func (s *source) tarFile(w *tar.Writer, name string) error {
	file, err := s.dir.Open(name)
	if err != nil {
		return s.fileError(name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s.fileError(name, err)
	}
	h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm() & 0o755), Size: info.Size(), Typeflag: tar.TypeReg}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(w, file, info.Size())
	return err
}

// WriteTar streams the package in dir as a tar, as [Trust.AdmitTar] reads it.
// Links and special files are refused.
func WriteTar(w io.Writer, dir string) error {
	src, err := openSource(dir)
	if err != nil {
		return err
	}
	defer src.close()
	if err := firstOf(src.bad); err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, name := range src.files {
		if err := src.tarFile(archive, name); err != nil {
			return err
		}
	}
	return archive.Close()
}

// StateArtifacts fills in the artifacts of an update document from files below
// dir, and its times where they are missing, and checks the result. The
// document itself is left to the caller to write and sign.
func StateArtifacts(ctx context.Context, d *UpdateDocument, dir string, names ...string) error {
	src, err := openSource(dir)
	if err != nil {
		return err
	}
	defer src.close()
	d.Artifacts = []Artifact{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		f, err := src.describe(ctx, name, false)
		if err != nil {
			return err
		}
		d.Artifacts = append(d.Artifacts, Artifact{Name: name, Size: f.Size, SHA256: f.SHA256})
	}
	if d.Created.IsZero() {
		d.Created = time.Now().UTC().Truncate(time.Second)
	}
	if d.Expires.IsZero() {
		d.Expires = d.Created.AddDate(0, 3, 0)
	}
	f := &faults{why: ErrDocument, file: strings.TrimSpace(d.ID)}
	d.check(f)
	return f.err()
}
