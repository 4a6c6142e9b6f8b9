package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// A tree is the effective policies of all layers: one rule file per relative
// path, and one merged data document.
type tree struct {
	rules  map[string]file // by relative path, masked ones gone
	files  []file          // all that were read, lowest layer first
	tests  []file
	data   *node
	base   *node // the lowest layer's data: the reference for types
	digest string
	raw    string // digest of every file read, also those without effect
}

// buildTree reads and merges the files of all layers. Problems go to diags.
func buildTree(layers []Layer) (*tree, diagnostics) {
	r := readLayers(layers)
	t, diags := mergeFiles(r.files)
	t.tests = r.tests
	return t, append(r.diags, diags...)
}

// mergeFiles merges files that are in order of their layers, lowest first.
func mergeFiles(files []file) (*tree, diagnostics) {
	var diags diagnostics
	t := &tree{rules: map[string]file{}, files: files, data: newMap(position{}), base: newMap(position{})}
	documents := map[string]bool{} // layer and directory of data documents
	for _, f := range files {
		switch dir := f.layer + "\x00" + path.Dir(f.path); {
		case f.isData() && documents[dir]:
			diags.errorf(position{File: f.name()}, "keep one of them", "data.yaml and data.json stand side by side")
		case f.isData():
			documents[dir] = true
			t.merge(f, f.layer == files[0].layer, &diags)
		case f.masks():
			delete(t.rules, f.path)
		default:
			t.rules[f.path] = f
		}
	}
	t.raw = digestFiles(files)
	t.digest = t.effectiveDigest()
	return t, diags
}

func (t *tree) merge(f file, lowest bool, diags *diagnostics) {
	n := parseData(f, diags)
	if n == nil {
		return
	}
	if dir := path.Dir(f.path); dir != "." {
		for _, part := range slices.Backward(strings.Split(dir, "/")) {
			outer := newMap(position{File: f.name(), Line: 1, Column: 1})
			outer.set(part, n)
			n = outer
		}
	}
	if lowest {
		t.base = overlay(t.base, n, diags)
	}
	t.data = overlay(t.data, n, diags)
}

// effectiveDigest is the SHA-256 of what decides: rule files by relative path
// and the merged data. Where a value came from does not count.
func (t *tree) effectiveDigest() string {
	h := sha256.New()
	for _, p := range slices.Sorted(maps.Keys(t.rules)) {
		hashEntry(h, p, t.rules[p].content)
	}
	data, _ := json.Marshal(t.data.value()) // maps, lists, strings, bools, json.Number: cannot fail
	hashEntry(h, "", data)
	return hex.EncodeToString(h.Sum(nil))
}

func digestFiles(files []file) string {
	h := sha256.New()
	for _, f := range files {
		hashEntry(h, f.name(), f.content)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashEntry(w io.Writer, name string, content []byte) {
	fmt.Fprintf(w, "%d %s %d ", len(name), name, len(content))
	_, _ = w.Write(content) // a hash never fails
}
