package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lullhq/lull/trust/internal/nofollow"
)

// intact makes sure that the entry still is what was verified: nothing missing
// or extra, owned by lull, and no file touched since. Files that were touched,
// and all files after a crash of the machine, are read again.
func (e *entry) intact(ctx context.Context, off defence) error {
	if err := e.store.own.check(e.tree()); err != nil {
		return err
	}
	dir, err := nofollow.OpenDir(e.tree())
	if err != nil {
		return &Error{Reason: ErrIO, Path: e.tree(), Err: cause(err)}
	}
	defer dir.Close()
	if err := e.complete(dir); err != nil {
		return err
	}
	crashed := e.record.Epoch != e.store.life.Epoch && off != defenceReboot
	reread := 0
	for i := range e.record.Files {
		again, err := e.checkFile(ctx, dir, &e.record.Files[i], crashed, off)
		if err != nil {
			return err
		}
		if again {
			reread++
		}
	}
	if reread == 0 && !crashed {
		return nil
	}
	e.record.Epoch = e.store.life.Epoch
	return writeRecord(e.dir, e.record)
}

// complete compares the names in the tree with those in the record.
func (e *entry) complete(dir *nofollow.Dir) error {
	want := make(map[string]bool, len(e.record.Files))
	for _, f := range e.record.Files {
		want[f.Path] = true
	}
	found, err := dir.List(2*maxFiles + len(want))
	if err != nil {
		return e.changed("", err.Error())
	}
	for _, f := range found {
		if f.Type.IsDir() {
			if err := e.dirOK(f.Name); err != nil {
				return err
			}
			continue
		}
		if !want[f.Name] {
			return e.changed(f.Name, "it was put there by somebody else")
		}
		delete(want, f.Name)
	}
	for name := range want {
		return e.changed(name, "it is gone")
	}
	return nil
}

func (e *entry) dirOK(name string) error {
	path := filepath.Join(e.tree(), filepath.FromSlash(name))
	info, err := os.Lstat(path)
	if err != nil {
		return &Error{Reason: ErrIO, Path: path, Err: cause(err)}
	}
	return e.store.own.ok(path, info)
}

func (e *entry) changed(name, what string) error {
	return refuse(ErrChanged, filepath.Join(e.tree(), filepath.FromSlash(name)), what, "register or download it again")
}

// checkFile compares owner, mode and identity, and reads the bytes again when
// the identity is another.
func (e *entry) checkFile(ctx context.Context, dir *nofollow.Dir, f *stored, crashed bool, off defence) (reread bool, err error) {
	path := filepath.Join(e.tree(), filepath.FromSlash(f.Path))
	info, err := os.Lstat(path)
	if err != nil {
		return false, e.changed(f.Path, cause(err).Error())
	}
	if !info.Mode().IsRegular() {
		return false, e.changed(f.Path, "it is no longer a regular file")
	}
	if err := e.store.own.ok(path, info); err != nil {
		return false, err
	}
	inode, changed, _ := identityOf(info)
	same := int64(inode) == f.Inode && changed == f.Changed && info.Size() == f.Size && info.Mode().Perm() == f.mode()
	if same && !crashed || off == defenceStored {
		return false, nil
	}
	return true, e.rehash(ctx, dir, f)
}

func (f *stored) mode() fs.FileMode {
	if f.Exec {
		return 0o555
	}
	return 0o444
}

// rehash reads a file again and, when the bytes are still the right ones, makes
// them read-only again and notes the new identity.
func (e *entry) rehash(ctx context.Context, dir *nofollow.Dir, f *stored) error {
	file, err := dir.Open(f.Path)
	if err != nil {
		return e.changed(f.Path, cause(err).Error())
	}
	defer file.Close()
	if err := file.Chmod(f.mode()); err != nil {
		return &Error{Reason: ErrIO, Path: file.Name(), Err: cause(err)}
	}
	before, err := file.Stat()
	if err != nil {
		return &Error{Reason: ErrIO, Path: file.Name(), Err: cause(err)}
	}
	sum := sha256.New()
	n, err := copyLimited(ctx, sum, file, f.Size)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || n != f.Size:
		return e.changed(f.Path, fmt.Sprintf("%d bytes were verified", f.Size))
	case hex.EncodeToString(sum.Sum(nil)) != f.SHA256:
		return e.changed(f.Path, "the bytes are not those that were verified")
	}
	after, err := file.Stat()
	if err != nil {
		return &Error{Reason: ErrIO, Path: file.Name(), Err: cause(err)}
	}
	_, was, _ := identityOf(before)
	if _, is, _ := identityOf(after); is != was {
		return e.changed(f.Path, "it changed while it was read")
	}
	f.identify(after)
	return nil
}
