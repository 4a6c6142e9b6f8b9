package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const lastGoodName = "policies.last-good.json"

// savedFile is one file of the last good set, under the layer it came from.
type savedFile struct {
	Layer   string `json:"layer"`
	Path    string `json:"path"`
	Content []byte `json:"content"`
}

type savedSet struct {
	Digest string      `json:"digest"`
	Files  []savedFile `json:"files"`
}

// saveLastGood writes the files of t into dir: by temporary file, fsync, rename.
func saveLastGood(dir string, t *tree) error {
	if dir == "" {
		return nil
	}
	set := savedSet{Digest: t.digest}
	for _, f := range t.files {
		set.Files = append(set.Files, savedFile{f.layer, f.path, f.content})
	}
	data, err := json.Marshal(set)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, lastGoodName), data)
}

func replaceFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // only tidies up after err
	}
	return err
}

// LastGood loads the set that an [Engine] with the state directory dir keeps, for
// who wants to look at what decides while the files are broken. Without such a
// set it returns neither a generation nor an error.
func LastGood(ctx context.Context, dir string, schema []byte) (*Generation, error) {
	return loadLastGood(ctx, dir, newSchema(schema))
}

// loadLastGood loads what saveLastGood wrote. Without such a file it returns
// neither a generation nor an error.
func loadLastGood(ctx context.Context, dir string, s *schema) (*Generation, error) {
	if dir == "" {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, lastGoodName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var set savedSet
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("the last good policies are damaged: %w", err)
	}
	var files []file
	for _, f := range set.Files {
		files = append(files, file{f.Layer, f.Path, f.Content})
	}
	t, diags := mergeFiles(files)
	if t.digest != set.Digest || diags.failed() {
		return nil, errors.New("the last good policies are damaged: their digest does not match")
	}
	g, diags := load(ctx, t, s, nil)
	if g == nil {
		return nil, &LoadError{Digest: t.digest, Diagnostics: diags}
	}
	return g, nil
}
