package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lullhq/lull/trust/internal/strict"
)

// The kinds of entries.
const (
	kindPackages  = "packages"
	kindUpdates   = "updates"
	kindArtifacts = "artifacts"
)

var kinds = []string{kindPackages, kindUpdates, kindArtifacts}

// store keeps what was verified: STATE/store/KIND/DIGEST/tree, read-only files
// owned by lull, and beside the tree a record of what each file was when it was
// written. Entries appear whole, by rename, and never change.
type store struct {
	dir            string
	limit, reserve int64
	boot           string
	own            owners

	mu    sync.Mutex
	begun bool
	life  life
	using map[string]bool // temporary directories being filled
}

// life counts the crashes of the machine: bytes that were verified before a
// crash are read again before they are used.
type life struct {
	Format int    `json:"format"`
	Boot   string `json:"boot"`
	Open   bool   `json:"open"` // lull runs, or died without saying goodbye
	Epoch  int    `json:"epoch"`
}

// record describes an entry.
type record struct {
	Format  int      `json:"format"`
	Key     string   `json:"key"`
	Epoch   int      `json:"epoch"` // of the last time all bytes were read
	Updater string   `json:"updater,omitempty"`
	Binding string   `json:"binding,omitempty"`
	Signer  Signer   `json:"signer,omitzero"`
	Files   []stored `json:"files"`
}

// stored is one file of an entry, as it was when it was verified.
type stored struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Exec    bool   `json:"exec,omitempty"`
	Inode   int64  `json:"inode,omitempty"`
	Changed int64  `json:"changed"` // nanoseconds since 1970, ctime
}

// Blob is one file of the store.
type Blob struct {
	Path   string `json:"path"` // relative to the entry's directory
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

func newStore(dir string, o Options, own owners) *store {
	return &store{dir: dir, limit: o.StoreLimit, reserve: o.StoreReserve, boot: o.Boot, own: own, using: map[string]bool{}}
}

func (s *store) path(kind, key string) string { return filepath.Join(s.dir, kind, key) }

// used tells whether a package was ever stored here.
func (s *store) used() bool {
	entries, err := os.ReadDir(filepath.Join(s.dir, kindPackages))
	return err == nil && len(entries) > 0
}

// begin makes the directories and counts a crash when the last boot did not end
// in order. It happens before the first use, not at Open, so that tools can look
// at a running daemon's files.
func (s *store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		return nil
	}
	for _, dir := range append([]string{"tmp"}, kinds...) {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			return &Error{Reason: ErrIO, Path: filepath.Join(s.dir, dir), Err: cause(err), Remedy: "make the state directory writable for lull"}
		}
	}
	old := s.readLife()
	s.life = life{Format: 1, Boot: s.boot, Open: true, Epoch: old.Epoch}
	if old.Open && (old.Boot != s.boot || s.boot == "") {
		s.life.Epoch++
	}
	if old != s.life {
		if err := s.writeLife(); err != nil {
			return err
		}
	}
	s.begun = true
	return nil
}

func (s *store) lifePath() string { return filepath.Join(s.dir, "life.json") }

// readLife treats a missing or damaged file as a crash with everything to be
// read again.
func (s *store) readLife() life {
	data, err := s.own.readFile(s.lifePath(), 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return life{}
	}
	var l life
	if err == nil {
		err = json.Unmarshal(data, &l)
	}
	if err != nil {
		return life{Open: true, Boot: "unknown", Epoch: s.leap()}
	}
	return l
}

// leap is an epoch that no record can have yet.
func (s *store) leap() int {
	info, err := os.Stat(s.lifePath())
	if err != nil {
		return 1 << 30
	}
	return int(info.ModTime().Unix())
}

func (s *store) writeLife() error {
	data, err := json.Marshal(s.life)
	if err != nil {
		return err
	}
	return writeFile(s.lifePath(), append(data, '\n'))
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		return nil
	}
	s.begun, s.life.Open = false, false
	return s.writeLife()
}

// entry is one stored tree.
type entry struct {
	store  *store
	kind   string
	dir    string // of the entry; the files are in dir/tree
	record record
}

func (e *entry) tree() string { return filepath.Join(e.dir, "tree") }

// get reads the record of an entry; the files are looked at by intact.
func (s *store) get(kind, key string) (*entry, error) {
	if !validDigest(key) {
		return nil, refuse(ErrNotStored, "", fmt.Sprintf("%q is not a digest", clip(key)), "")
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	e := &entry{store: s, kind: kind, dir: s.path(kind, key)}
	data, err := s.own.readFile(filepath.Join(e.dir, "record.json"), 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(ErrNotStored, e.dir, strings.TrimSuffix(kind, "s"), "register or download it again")
	}
	if err != nil {
		return nil, err
	}
	root, err := strict.ParseJSON(data)
	if err == nil {
		if bad := strict.Decode(root, &e.record); len(bad) > 0 {
			err = bad[0]
		} else if e.record.Key != key || e.record.Format != 1 {
			err = errors.New("it is the record of something else")
		}
	}
	if err != nil {
		return nil, &Error{Reason: ErrState, Path: filepath.Join(e.dir, "record.json"), Err: err, Remedy: "register or download it again"}
	}
	return e, nil
}

func (e *entry) blobs() []Blob {
	out := make([]Blob, len(e.record.Files))
	for i, f := range e.record.Files {
		out[i] = Blob{Path: f.Path, SHA256: f.SHA256, Size: f.Size}
	}
	return out
}

func (e *entry) size() (n int64) {
	for _, f := range e.record.Files {
		n += f.Size
	}
	return n
}

// read returns a small file of the entry after comparing its digest.
func (e *entry) read(name string, limit int64) ([]byte, error) {
	i := slices.IndexFunc(e.record.Files, func(f stored) bool { return f.Path == name })
	if i < 0 {
		return nil, refuse(ErrNotStored, filepath.Join(e.tree(), name), "", "")
	}
	data, err := readRegular(filepath.Join(e.tree(), filepath.FromSlash(name)), limit)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.record.Files[i].SHA256 {
		return nil, refuse(ErrChanged, filepath.Join(e.tree(), name), "the stored copy is not what was verified", "register or download it again")
	}
	return data, nil
}

// size is what the store holds, in bytes.
func (s *store) size() (total int64) {
	for _, kind := range kinds {
		dirs, _ := os.ReadDir(filepath.Join(s.dir, kind))
		for _, d := range dirs {
			if e, err := s.get(kind, d.Name()); err == nil {
				total += e.size()
			}
		}
	}
	return total
}

// room refuses to begin a copy that the quota or the volume cannot hold.
func (s *store) room(need int64) error {
	if *s.own.off == defenceQuota {
		return nil
	}
	if have := s.size(); have+need > s.limit {
		return refuse(ErrSpace, s.dir, fmt.Sprintf("it holds %d bytes, %d more would exceed its limit of %d", have, need, s.limit), "unregister something, or raise the store's limit")
	}
	if free, known := freeBytes(s.dir); known && free-s.reserve < need {
		return refuse(ErrSpace, s.dir, fmt.Sprintf("%d bytes are needed, %d are free and %d of them are kept in reserve", need, free, s.reserve), "free some space on this volume")
	}
	return nil
}

// unpackable is how many bytes an archive may unpack to: they lie on the
// volume twice, until they have been copied into the store.
func (s *store) unpackable() int64 {
	left := s.limit - s.size()
	if free, known := freeBytes(s.dir); known {
		left = min(left, (free-s.reserve)/2)
	}
	return max(left, 0)
}
