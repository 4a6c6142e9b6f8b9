package facts

import (
	"bytes"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// root is the machine that is looked at: the real one, or a captured one in a
// directory, which no link can lead out of.
type root struct {
	dir       string
	captured  *captured         // nil on a machine that runs
	below     bool              // dir is not "/", though the machine may run
	looked    func(path string) // told of every path that is looked at; nil but in tests
	container func() bool       // what never changes is looked up once
	virtual   func() bool
}

func newRoot(dir string) (*root, error) {
	r := &root{dir: dir}
	if filepath.Clean(dir) != "/" {
		c, err := readCaptured(filepath.Join(dir, capturedFile))
		if err != nil {
			return nil, err
		}
		r.captured = c
	}
	return r.withMarks(), nil
}

// newLiveRoot is the root of a machine that runs, wherever it is mounted.
func newLiveRoot(dir string) (*root, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	return (&root{dir: dir, below: filepath.Clean(dir) != "/"}).withMarks(), nil
}

func (r *root) withMarks() *root {
	r.container = sync.OnceValue(func() bool { return isContainer(r) })
	r.virtual = sync.OnceValue(func() bool { return isVirtual(r) })
	return r
}

// open opens path below the root. It never blocks and never creates.
func (r *root) open(path string, flags int) (int, error) {
	if r.looked != nil {
		r.looked(path)
	}
	flags |= unix.O_CLOEXEC
	if flags&unix.O_PATH == 0 { // openat2 refuses the combination
		flags |= unix.O_NONBLOCK | unix.O_NOCTTY
	}
	if r.captured == nil && !r.below {
		return retry(func() (int, error) { return unix.Open(path, flags, 0) })
	}
	dir, err := unix.Open(r.dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for tries := 0; ; tries++ {
		// EAGAIN means that something was renamed anywhere on the machine while
		// a ".." was followed (openat2(2)): nothing escapes, but it has to be
		// tried again.
		fd, err := retry(func() (int, error) { return unix.Openat2(dir, path, &how) })
		if err != unix.EAGAIN || tries == 1000 {
			return fd, err
		}
	}
}

// retry repeats f while it is interrupted by signals.
func retry(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}

// at is where path lies, for the kernel's interfaces that take paths only.
func (r *root) at(path string) string { return filepath.Join(r.dir, path) }

// slurp reads a small file once, trimmed; "" when it cannot be read.
func (r *root) slurp(path string) string {
	s, _ := r.read(path)
	return s
}

// read reads a small file once, trimmed.
func (r *root) read(path string) (string, error) {
	f, err := r.file(path, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	n, err := unix.Read(int(f.Fd()), buf)
	if err != nil || n < 0 {
		return "", &os.PathError{Op: "read", Path: path, Err: err}
	}
	return strings.TrimSpace(string(buf[:n])), nil
}

func (r *root) file(path string, flags int) (*os.File, error) {
	fd, err := r.open(path, flags)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (r *root) exists(path string) bool {
	fd, err := r.open(path, unix.O_PATH)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// list names the entries of a directory, in order; nil when there are none.
func (r *root) list(path string) []string {
	names, _ := r.readDir(path)
	return names
}

// entries is list for directories whose absence means something: only one that
// does not exist has no entries, any other failure is an error.
func (r *root) entries(path string) ([]string, error) {
	names, err := r.readDir(path)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return names, err
}

func (r *root) readDir(path string) ([]string, error) {
	f, err := r.file(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sortStrings(names)
	return names, err
}

// glob matches a pattern in which a path element may end in "*"; the rest of
// the pattern follows it.
func (r *root) glob(pattern string) []string {
	i := strings.IndexByte(pattern, '*')
	if i < 0 {
		return []string{pattern}
	}
	dir, prefix := path.Split(pattern[:i])
	rest := pattern[i+1:]
	var out []string
	for _, name := range r.list(dir) {
		if strings.HasPrefix(name, prefix) {
			out = append(out, r.glob(dir+name+rest)...)
		}
	}
	return out
}

// link reads the target of the symbolic link at path; "" when it is none.
func (r *root) link(path string) string {
	if r.looked != nil {
		r.looked(path)
	}
	target, err := os.Readlink(filepath.Join(r.dir, path))
	if err != nil {
		return ""
	}
	return target
}

// kept is a file that is read often: opened once and read at offset 0.
type kept struct {
	root   *root
	path   string
	fd     int
	opened bool
	buf    []byte
}

func (r *root) keep(path string, size int) *kept {
	return &kept{root: r, path: path, buf: make([]byte, size)}
}

// keepIf is keep for a file that may not be there: nil then.
func (r *root) keepIf(path string, size int) *kept {
	k := r.keep(path, size)
	if _, err := k.read(); errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return k
}

// text reads a short file as one of the known words, "" when it is none of
// them or cannot be read. A nil k is a file that is not there.
func (k *kept) text(known []string) string {
	if k == nil {
		return ""
	}
	data, err := k.read()
	if err != nil {
		return ""
	}
	data = bytes.TrimSpace(data)
	for _, word := range known {
		if string(data) == word {
			return word
		}
	}
	return ""
}

// number reads a file that holds one number below 2^31; -1 when it does not.
func (k *kept) number() int {
	if k == nil {
		return -1
	}
	data, err := k.read()
	if err != nil {
		return -1
	}
	v, rest, ok := parseUint(data)
	if !ok || len(bytes.TrimSpace(rest)) > 0 || v >= 1<<31 {
		return -1
	}
	return int(v)
}

var errEmpty = errors.New("is empty")

// read returns the file's content, at most len(k.buf) bytes, valid until the
// next read. A file that went away is opened anew by the next read.
func (k *kept) read() ([]byte, error) {
	if !k.opened {
		fd, err := k.root.open(k.path, unix.O_RDONLY)
		if err != nil {
			return nil, err
		}
		k.fd, k.opened = fd, true
	}
	n, err := unix.Pread(k.fd, k.buf, 0)
	if err == nil && n == 0 {
		err = errEmpty
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k.buf[:n], nil
}

func (k *kept) close() {
	if k != nil && k.opened {
		unix.Close(k.fd)
		k.opened = false
	}
}

// whyNot words the failure to read path.
func whyNot(path string, err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return path + " does not exist"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return path + " may not be read; run lull as root"
	}
	return path + " could not be read: " + err.Error()
}

// parseUint reads the decimal number at the start of b, after blanks, and
// returns what follows it.
func parseUint(b []byte) (v uint64, rest []byte, ok bool) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := uint64(b[i] - '0')
		if v >= (1<<63-9)/10 && v > (1<<63-d)/10 {
			return 0, b, false
		}
		v = v*10 + d
	}
	return v, b[i:], i > 0
}

// parseDecimal reads a number such as 12.34, digits and one point only.
func parseDecimal(b []byte) (v float64, rest []byte, ok bool) {
	whole, rest, ok := parseUint(b)
	if !ok || len(rest) == 0 || rest[0] != '.' {
		return float64(whole), rest, ok
	}
	frac, scale := 0.0, 1.0
	for rest = rest[1:]; len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'; rest = rest[1:] {
		frac, scale = frac*10+float64(rest[0]-'0'), scale*10
		if scale > 1e15 {
			return 0, rest, false
		}
	}
	return float64(whole) + frac/scale, rest, true
}

// line cuts the first line off b.
func line(b []byte) (first, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}
