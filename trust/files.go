package trust

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// readFile reads a small configuration file after checking that nobody else
// could have written it.
func (o owners) readFile(path string, limit int64) ([]byte, error) {
	if err := o.check(path); err != nil {
		return nil, err
	}
	return readRegular(path, limit)
}

// readRegular reads a regular file of at most limit bytes and never blocks on
// another kind of file.
func readRegular(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, &Error{Reason: ErrIO, Path: path, Err: cause(err)}
	}
	defer f.Close()
	return readOpen(f, path, limit)
}

func readOpen(f *os.File, path string, limit int64) ([]byte, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, &Error{Reason: ErrIO, Path: path, Err: cause(err)}
	case !info.Mode().IsRegular():
		return nil, refuse(ErrNotRegular, path, info.Mode().String(), "put a plain file there")
	case info.Size() > limit:
		return nil, refuse(ErrTooLarge, path, sizeText(info.Size(), limit), "make it smaller")
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, &Error{Reason: ErrIO, Path: path, Err: cause(err)}
	}
	if int64(len(data)) > limit {
		return nil, refuse(ErrTooLarge, path, "it grows while it is read", "try again when it is complete")
	}
	return data, nil
}

// cause strips the operation and path that our own error already names.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// writeFile replaces a file so that a crash leaves the old or the new one:
// temporary file, fsync, rename, fsync of the directory.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return stateError(path, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return stateError(path, err)
}

func stateError(path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &Error{Reason: ErrSpace, Path: path, Err: err, Remedy: "free some space"}
	}
	return &Error{Reason: ErrIO, Path: path, Err: err, Remedy: "check that lull may write there"}
}

// syncDir makes a rename durable, where the system knows such a thing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
