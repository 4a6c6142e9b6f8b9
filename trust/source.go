package trust

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/lullhq/lull/trust/internal/nofollow"
)

// source is a package as somebody brings it: a directory that may be hostile
// and may change while it is read.
type source struct {
	dir   *nofollow.Dir
	path  string
	files []string // everything that is not a directory, sorted
	bad   []*Error // links, FIFOs and the like
}

func openSource(path string) (*source, error) {
	dir, err := nofollow.OpenDir(path)
	if err != nil {
		return nil, &Error{Reason: ErrIO, Path: path, Err: cause(err), Remedy: "give the directory of a package"}
	}
	s := &source{dir: dir, path: path}
	if err := s.list(); err != nil {
		dir.Close()
		return nil, err
	}
	return s, nil
}

func (s *source) list() error {
	entries, err := s.dir.List(2 * maxFiles)
	if errors.Is(err, nofollow.ErrTooMany) {
		return because(ErrTooLarge, s.path, "", err)
	}
	if err != nil {
		return &Error{Reason: ErrIO, Path: s.path, Err: cause(err)}
	}
	for _, e := range entries {
		switch {
		case e.Type.IsDir():
		case !e.Type.IsRegular():
			s.bad = append(s.bad, s.fileError(e.Name, nofollow.Describe(e.Type)))
		default:
			s.files = append(s.files, e.Name)
		}
	}
	return nil
}

// fileError gives a failure to open or read a file of the source its reason.
func (s *source) fileError(name string, err error) *Error {
	why, remedy := ErrIO, ""
	switch {
	case errors.Is(err, nofollow.ErrNotRegular):
		why, remedy = ErrNotRegular, "put a plain file there"
	case errors.Is(err, fs.ErrNotExist):
		why, remedy = ErrPayload, "`lull pack` lists the files that are there"
	}
	e := &Error{Reason: why, Path: s.at(name), Err: cause(err), Remedy: remedy}
	if not := (*nofollow.NotRegular)(nil); errors.As(err, &not) {
		e.What, e.Err = "it is "+not.What(), nil // the reason says the rest
	}
	return e
}

func (s *source) at(name string) string { return filepath.Join(s.path, filepath.FromSlash(name)) }

func (s *source) close() { s.dir.Close() }

// read returns a small file whole.
func (s *source) read(name string, limit int64) ([]byte, error) {
	f, err := s.dir.Open(name)
	if err != nil {
		return nil, s.fileError(name, err)
	}
	defer f.Close()
	return readOpen(f, s.at(name), limit)
}

// optional is read for a file that need not exist.
func (s *source) optional(name string, limit int64) ([]byte, error) {
	data, err := s.read(name, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// evidence reads what the package says for itself.
func (s *source) evidence() (evidence, error) {
	ev := evidence{place: s.path + string(filepath.Separator)}
	var err error
	if ev.manifest, err = s.read(manifestName, maxDocument); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = refuse(ErrManifest, s.at(manifestName), "missing", "a package is a directory with a manifest.json, see `lull pack`")
		}
		return ev, err
	}
	if ev.proof, err = s.proof(manifestName); err != nil {
		return ev, err
	}
	for _, name := range s.files {
		if strings.HasSuffix(name, attestationSuffix) && !strings.Contains(name, "/") {
			data, err := s.read(name, maxBundle)
			if err != nil {
				return ev, err
			}
			ev.attestations = append(ev.attestations, attestationFile{path: s.at(name), data: data})
		}
	}
	return ev, nil
}

// maxBundle is the largest bundle file that is read.
const maxBundle = 4 << 20

// proof reads the signature that lies beside a file.
func (s *source) proof(name string) (proof, error) {
	p := proof{path: s.at(name + bundleSuffix)}
	var err error
	if p.bundle, err = s.optional(name+bundleSuffix, maxBundle); err != nil || p.bundle != nil {
		return p, err
	}
	if p.detached, err = s.optional(name+detachedSuffix, 64<<10); err != nil || p.detached == nil {
		return p, err
	}
	p.path, p.detached = s.at(name+detachedSuffix), bareSignature(p.detached)
	return p, nil
}

// compare tells which files are missing or extra, without reading them.
func (s *source) compare(m *Manifest, off defence) []*Error {
	errs := s.bad
	if off == defenceLinks {
		errs = nil
	}
	want := map[string]bool{}
	for _, f := range m.Payload {
		want[f.Path] = true
	}
	have := map[string]bool{}
	for _, name := range s.files {
		have[name] = true
		if !want[name] && !reserved(name) && off != defenceExtra {
			errs = append(errs, refuse(ErrPayload, s.at(name), "not in the manifest", "remove it, or run `lull pack` again"))
		}
	}
	for _, f := range m.Payload {
		if !have[f.Path] && !s.isBad(f.Path) {
			errs = append(errs, refuse(ErrPayload, s.at(f.Path), "in the manifest, but missing", "put it there, or run `lull pack` again"))
		}
	}
	return errs
}

func (s *source) isBad(name string) bool {
	for _, e := range s.bad {
		if e.Path == s.at(name) {
			return true
		}
	}
	return false
}

// head reads the first bytes of a file and gives back a reader of all of it, so
// that each byte is read once.
func head(f io.Reader) ([]byte, io.Reader, error) {
	buf := make([]byte, scriptHead)
	n, err := io.ReadFull(f, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return buf[:n], io.MultiReader(bytes.NewReader(buf[:n]), f), err
}
