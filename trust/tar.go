package trust

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxTar bounds what a stream may unpack to, in bytes and files.
const maxTar = maxPackage + 64<<20

// packAgain is how an archive comes about that can be read.
const packAgain = "give the package's directory, or a tar that `lull pack --out` wrote"

func badArchive(name, what string, err error) error {
	return &Error{Reason: ErrPayload, Path: name, What: what, Err: err, Remedy: packAgain}
}

// AdmitTar is [Trust.Admit] for a tar stream, as `lull register` sends it. Only
// plain files and directories with clean relative names are unpacked, into a
// private directory that is removed again.
func (t *Trust) AdmitTar(ctx context.Context, r io.Reader) (*Package, error) {
	if err := t.store.begin(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(t.store.dir, "tmp"), "tar-")
	if err != nil {
		return nil, stateError(t.store.dir, cause(err))
	}
	t.store.hold(filepath.Base(dir))
	defer t.store.letGo(filepath.Base(dir))
	defer os.RemoveAll(dir)
	if err := unpack(ctx, r, dir, t.store.unpackable()); err != nil {
		return nil, err
	}
	p, err := t.Admit(ctx, dir)
	return p, relative(dir, err)
}

// relative takes the private directory out of an error's path: the sender knows
// the file by its name in the package.
func relative(dir string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	short := *e
	short.Path = strings.TrimPrefix(strings.TrimPrefix(e.Path, dir), string(filepath.Separator))
	return &short
}

// unpack writes at most budget bytes: what a stream claims to hold is compared
// before the first byte of it is written.
func unpack(ctx context.Context, r io.Reader, dir string, budget int64) error {
	archive := tar.NewReader(r)
	var files int
	var size int64
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return badArchive("", "the archive cannot be read", err)
		}
		name := path.Clean(strings.TrimPrefix(h.Name, "./"))
		if name == "." {
			continue
		}
		if why := badPath(name); why != "" {
			return refuse(ErrPayload, "", "the archive holds "+clip(h.Name)+", which "+why, packAgain)
		}
		files, size = files+1, size+h.Size
		if files > 2*maxFiles || size > maxTar {
			return refuse(ErrTooLarge, "", "the archive", "make the package smaller")
		}
		if size > budget {
			return refuse(ErrSpace, "", fmt.Sprintf("the archive unpacks to %d bytes and more, and there is room for %d", size, budget), "free some space, unregister something, or raise the store's limit")
		}
		if err := unpackOne(ctx, archive, h, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
}

func unpackOne(ctx context.Context, r io.Reader, h *tar.Header, to string) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return stateError(h.Name, cause(os.MkdirAll(to, 0o700)))
	case tar.TypeReg:
	default:
		return refuse(ErrNotRegular, h.Name, "the archive holds a link or a special file", "put plain files only")
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return stateError(h.Name, cause(err))
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return refuse(ErrPayload, h.Name, "the archive holds it twice", packAgain)
	}
	if err != nil {
		return stateError(h.Name, cause(err))
	}
	defer f.Close()
	if _, err := copyLimited(ctx, f, r, h.Size); err != nil {
		return badArchive(h.Name, "the archive ends too early", err)
	}
	return nil
}
