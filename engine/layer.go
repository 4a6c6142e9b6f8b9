package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Bounds of one policy tree: far above any real one, low enough that a stray
// link into a large directory is an error and not a hang.
const (
	maxFileBytes = 4 << 20
	maxTreeBytes = 64 << 20
	maxTreeFiles = 10000
	maxDepth     = 16
)

// A Layer is one source of policies. Name is how its files are called in
// errors: "embedded", "/etc/lull/policies". A file system whose root does not
// exist is an empty layer.
type Layer struct {
	Name string
	FS   fs.FS
}

// A file is one policy file as it was read. masked is set for what is not a
// regular file but a link to the null device.
type file struct {
	layer, path string // path is slash-separated, relative to the layer
	content     []byte
}

func (f file) name() string { return f.layer + "/" + f.path }

// masks tells whether a rule file removes the lower file of the same path.
func (f file) masks() bool { return len(bytes.TrimSpace(f.content)) == 0 }

// A reader walks the layers and collects the files that count.
type reader struct {
	files []file
	tests []file
	bytes int
	diags diagnostics
}

// readLayers reads every layer, lowest first.
func readLayers(layers []Layer) *reader {
	r := &reader{}
	for _, l := range layers {
		if l.FS == nil {
			continue
		}
		if err := r.dir(l, ".", 0); err != nil && !isMissingRoot(err) {
			r.diags.errorf(position{File: l.Name}, "", "cannot read the policies: %v", err)
		}
	}
	return r
}

type missingRootError struct{ error }

func isMissingRoot(err error) bool {
	var m missingRootError
	return errors.As(err, &m)
}

func (r *reader) dir(l Layer, dir string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d directories deep; remove the link that leads back", dir, maxDepth)
	}
	entries, err := fs.ReadDir(l.FS, dir)
	if dir == "." && errors.Is(err, fs.ErrNotExist) {
		return missingRootError{err}
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if skipName(e.Name()) {
			continue
		}
		if err := r.entry(l, path.Join(dir, e.Name()), depth); err != nil {
			return err
		}
	}
	return nil
}

// skipName tells which names are nobody's policy: hidden ones, among them the
// ..data directories behind Kubernetes' links, an editor's backups, READMEs, and
// the Go file that embeds the defaults.
func skipName(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || name == "README.md" || strings.HasSuffix(name, ".go")
}

func (r *reader) entry(l Layer, name string, depth int) error {
	info, err := fs.Stat(l.FS, name) // follows links
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.diags.errorf(position{File: l.Name + "/" + name}, "remove the link, or link to /dev/null to mask a lower file", "link leads nowhere")
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return r.dir(l, name, depth+1)
	case info.Mode().Type()&^fs.ModeCharDevice == fs.ModeDevice:
		return r.accept(l, name, nil)
	case !info.Mode().IsRegular():
		r.diags.errorf(position{File: l.Name + "/" + name}, "", "not a regular file")
		return nil
	}
	content, err := readBounded(l.FS, name)
	if err != nil {
		return err
	}
	return r.accept(l, name, content)
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(content) > maxFileBytes {
		err = fmt.Errorf("%s: larger than %d bytes", name, maxFileBytes)
	}
	return content, err
}

func (r *reader) accept(l Layer, name string, content []byte) error {
	r.bytes += len(content)
	if r.bytes > maxTreeBytes || len(r.files)+len(r.tests) >= maxTreeFiles {
		return fmt.Errorf("more than %d files or %d bytes of policies", maxTreeFiles, maxTreeBytes)
	}
	f := file{layer: l.Name, path: name, content: content}
	switch base := path.Base(name); {
	case strings.HasSuffix(base, "_test.rego"):
		r.tests = append(r.tests, f)
	case strings.HasSuffix(base, ".rego"), base == "data.yaml", base == "data.json":
		r.files = append(r.files, f)
	default:
		r.diags.errorf(position{File: f.name()},
			didYouMean(base, []string{"data.yaml", "data.json"}, "policies are *.rego and data.yaml; remove or rename the file"),
			"file name means nothing here, so nothing in it would be in force")
	}
	return nil
}

// isData tells data documents from rule files.
func (f file) isData() bool { return !strings.HasSuffix(f.path, ".rego") }
