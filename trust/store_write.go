package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// writer fills a new entry in a temporary directory.
type writer struct {
	store *store
	tmp   string // STATE/store/tmp/NAME
	files []stored
	dirs  map[string]bool // made so far, relative to the tree
}

// create begins an entry. The caller must commit or abort it.
func (s *store) create() (*writer, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Join(s.dir, "tmp"), "new-")
	if err != nil {
		return nil, stateError(s.dir, cause(err))
	}
	s.hold(filepath.Base(tmp))
	w := &writer{store: s, tmp: tmp, dirs: map[string]bool{".": true}}
	if err := errors.Join(os.Chmod(tmp, 0o755), makeDir(w.tree())); err != nil {
		w.abort()
		return nil, stateError(tmp, cause(err))
	}
	return w, nil
}

func (w *writer) tree() string { return filepath.Join(w.tmp, "tree") }

// makeDir makes a directory that everybody may read, whatever the umask says.
func makeDir(path string) error {
	return errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, 0o755))
}

func (w *writer) abort() {
	os.RemoveAll(w.tmp)
	w.release()
}

func (w *writer) release() { w.store.letGo(filepath.Base(w.tmp)) }

// hold keeps gc away from a temporary directory until letGo.
func (s *store) hold(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.using[name] = true
}

func (s *store) letGo(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.using, name)
}

// expect is what a file must turn out to be. A SHA256 of "" accepts any
// content of at most Size bytes.
type expect struct {
	Path   string
	SHA256 string
	Size   int64
	Exec   bool
}

// buffers keep the copying of large files at one size of memory. A megabyte is
// what the page cache takes in one piece: copying 100 MiB while hashing costs
// 1.5 times as much as hashing them, with 128 KiB it is 1.65 times.
var buffers = sync.Pool{New: func() any { b := make([]byte, 1<<20); return &b }}

// add copies one file into the entry while hashing it: the bytes that are
// hashed are those that are kept. src is read once, to one byte past the size
// that was promised at most, so a file that grows cannot fill the volume.
func (w *writer) add(ctx context.Context, src io.Reader, want expect) (stored, error) {
	dst, err := w.open(want.Path)
	if err != nil {
		return stored{}, err
	}
	defer dst.Close()
	sum := sha256.New()
	n, err := copyLimited(ctx, io.MultiWriter(sum, dst), src, want.Size)
	if err != nil {
		return stored{}, w.copyError(want, n, err)
	}
	have := stored{Path: want.Path, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n, Exec: want.Exec}
	if want.SHA256 != "" && (n != want.Size || have.SHA256 != want.SHA256) {
		return stored{}, mismatch(want, have)
	}
	if err := w.seal(dst, &have); err != nil {
		return stored{}, stateError(dst.Name(), err)
	}
	w.files = append(w.files, have)
	return have, nil
}

// errGrows means that a file holds more than was promised.
var errGrows = errors.New("more bytes than stated")

func copyLimited(ctx context.Context, dst io.Writer, src io.Reader, limit int64) (int64, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		got, err := src.Read((*buf)[:min(int64(len(*buf)), limit-n+1)])
		if n += int64(got); n > limit {
			return n, errGrows
		}
		if _, werr := dst.Write((*buf)[:got]); werr != nil {
			return n, werr
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (w *writer) copyError(want expect, n int64, err error) error {
	if errors.Is(err, errGrows) {
		if want.SHA256 != "" {
			return refuse(ErrDigest, want.Path, fmt.Sprintf("larger than the %d bytes that were signed", want.Size), "publish it again with `lull pack`")
		}
		return refuse(ErrTooLarge, want.Path, fmt.Sprintf("larger than %d bytes", want.Size), "wait until it is complete, or make it smaller")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return stateError(want.Path, err)
}

func mismatch(want expect, have stored) error {
	if want.Size != have.Size {
		return refuse(ErrDigest, want.Path, fmt.Sprintf("%d bytes, but %d were signed", have.Size, want.Size), "publish it again with `lull pack`")
	}
	return refuse(ErrDigest, want.Path, fmt.Sprintf("sha256 is %s, but %s was signed", have.SHA256, want.SHA256), "publish it again with `lull pack`")
}

// open creates the file and the directories above it, in a tree that only lull
// writes to.
func (w *writer) open(name string) (*os.File, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, refuse(ErrPayload, name, "not a clean relative path", "write it relative to the package, without dots")
	}
	if err := w.makeDirs(filepath.ToSlash(filepath.Dir(name))); err != nil {
		return nil, stateError(name, cause(err))
	}
	f, err := os.OpenFile(filepath.Join(w.tree(), filepath.FromSlash(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, stateError(name, cause(err))
	}
	return f, nil
}

func (w *writer) makeDirs(dir string) error {
	if w.dirs[dir] {
		return nil
	}
	if err := w.makeDirs(filepath.ToSlash(filepath.Dir(dir))); err != nil {
		return err
	}
	w.dirs[dir] = true
	return makeDir(filepath.Join(w.tree(), filepath.FromSlash(dir)))
}

// seal makes the file read-only and durable, and notes its identity.
func (w *writer) seal(f *os.File, have *stored) error {
	mode := fs.FileMode(0o444)
	if have.Exec {
		mode = 0o555
	}
	if err := errors.Join(f.Chmod(mode), f.Sync()); err != nil {
		return cause(err)
	}
	info, err := f.Stat()
	if err != nil {
		return cause(err)
	}
	have.identify(info)
	return nil
}

func (f *stored) identify(info fs.FileInfo) {
	inode, changed, _ := identityOf(info)
	f.Inode, f.Changed = int64(inode), changed
}

// commit gives the entry its name. When the name is taken, the old entry is
// exchanged with the new one and left for gc, as a program may be running in it.
func (w *writer) commit(kind, key string, rec record) (*entry, error) {
	defer w.release()
	rec.Format, rec.Key, rec.Files, rec.Epoch = 1, key, w.files, w.store.life.Epoch
	e := &entry{store: w.store, kind: kind, dir: w.store.path(kind, key), record: rec}
	err := writeRecord(w.tmp, rec)
	for dir := range w.dirs {
		if err == nil {
			err = syncDir(filepath.Join(w.tree(), filepath.FromSlash(dir)))
		}
	}
	if err == nil {
		err = w.place(e.dir)
	}
	if err == nil {
		err = syncDir(filepath.Dir(e.dir))
	}
	if err != nil {
		os.RemoveAll(w.tmp)
		return nil, stateError(e.dir, cause(err))
	}
	return e, nil
}

func (w *writer) place(final string) error {
	if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(w.tmp, final)
	}
	if exchange(w.tmp, final) == nil {
		return nil
	}
	if err := os.Rename(final, w.tmp+".old"); err != nil {
		return err
	}
	return os.Rename(w.tmp, final)
}

func writeRecord(dir string, rec record) error {
	data, err := json.MarshalIndent(rec, "", " ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "record.json"), append(data, '\n'))
}
