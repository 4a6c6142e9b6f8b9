package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const manifestName = "manifest.json"

// Entry is one drop-in updater.
type Entry struct {
	ID          string // the directory's name, which has to be the updater's id
	Dir         string // links resolved
	Fingerprint string // changes when a file is added, removed or written
}

// Scan lists the drop-in updaters of dirs, lowest first, in the order of their
// ids. Names that start with a dot are ignored, so that a package can be put
// together beside and renamed into place; so is a directory without a
// manifest, which is not complete yet. A directory that does not exist is
// empty; one that cannot be read is an error, so that nobody takes its updaters
// for vanished.
func Scan(dirs []string) ([]Entry, error) {
	byID := map[string]Entry{}
	for _, dir := range dirs {
		list, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the updaters of %s: %w", dir, err)
		}
		for _, e := range list {
			if !strings.HasPrefix(e.Name(), ".") {
				look(byID, e.Name(), filepath.Join(dir, e.Name()))
			}
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b Entry) int { return strings.Compare(a.ID, b.ID) }), nil
}

// look notes what stands at path: an updater, a mask, or nothing of ours.
func look(byID map[string]Entry, id, path string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return // a dangling link, or it is being taken away
	}
	if real == os.DevNull {
		delete(byID, id)
		return
	}
	if hasManifest(real) {
		byID[id] = Entry{ID: id, Dir: real, Fingerprint: fingerprint(real)}
	}
}

func hasManifest(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, manifestName))
	return err == nil && info.Mode().IsRegular()
}

// fingerprint covers names, sizes, modes and times, not content: it only says
// when it is worth asking trust, which reads every byte. What cannot be looked
// at is part of it, so that trust is asked and says why.
func fingerprint(dir string) string {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				fmt.Fprintf(h, "%q %d %v %d\n", path, info.Size(), info.Mode(), info.ModTime().UnixNano())
			}
		}
		if err != nil {
			fmt.Fprintf(h, "%q %v\n", path, err)
		}
		return nil
	})
	if err != nil {
		fmt.Fprintf(h, "%v\n", err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
