// Package registry reads the directories in which packages of the operating
// system leave updaters: <dir>/<updater id>/manifest.json and its payload. It
// says what is there and how it differs from what was seen before; whether it
// may run is trust's question.
package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const manifestName = "manifest.json"

// Entry is one drop-in updater.
type Entry struct {
	ID          string // the directory's name, which has to be the updater's id
	Dir         string
	Fingerprint string // changes when a file is added, removed, or written
}

// Scan lists the drop-in updaters of dirs, lowest first: the same id in a
// later directory hides the earlier one. Names that start with a dot are
// ignored, so that a package can be put together beside and renamed into
// place; so is a directory without a manifest, which is not complete yet.
// Directories that do not exist are empty.
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
			entry := Entry{ID: e.Name(), Dir: filepath.Join(dir, e.Name())}
			if strings.HasPrefix(entry.ID, ".") || !hasManifest(entry.Dir) {
				continue
			}
			if entry.Fingerprint, err = fingerprint(entry.Dir); err != nil {
				return nil, err
			}
			byID[entry.ID] = entry
		}
	}
	out := make([]Entry, 0, len(byID))
	for _, e := range byID {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func hasManifest(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, manifestName))
	return err == nil && info.Mode().IsRegular()
}

// fingerprint covers names, sizes, modes and times, not content: it only says
// when it is worth asking trust, which reads every byte.
func fingerprint(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d %v %d\n", path, info.Size(), info.Mode(), info.ModTime().UnixNano())
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // it is being taken away; the next event says more
	}
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", dir, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
