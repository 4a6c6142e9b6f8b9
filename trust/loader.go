package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lullhq/lull/trust/internal/sig"
)

// loader reads one generation.
type loader struct {
	opt  Options
	own  owners
	gen  *Generation
	hash hash.Hash // of everything that was read, in order
}

func (t *Trust) newLoader() *loader {
	return &loader{opt: t.opt, own: t.owners(), hash: sha256.New(), gen: &Generation{off: t.off, vendors: map[string]*vendor{}, roots: map[string]*rootFile{}}}
}

func (t *Trust) load() *Generation {
	l := t.newLoader()
	l.gen.stamp = stampOf(t.revocationDir())
	l.revocations(t.revocationDir())
	l.loadRoots()
	l.loadVendors()
	if t.off != defenceOverlap {
		l.findOverlaps()
	}
	l.gen.digest = hex.EncodeToString(l.hash.Sum(nil))
	slices.SortStableFunc(l.gen.problems, func(a, b Problem) int {
		return strings.Compare(fmt.Sprintf("%s:%09d", a.File, a.Line), fmt.Sprintf("%s:%09d", b.File, b.Line))
	})
	return l.gen
}

// note mixes what was read into the digest, with lengths, so that no two
// different sets of files are one.
func (l *loader) note(kind, name string, data []byte) {
	fmt.Fprintf(l.hash, "%s %d %s %d\n", kind, len(name), name, len(data))
	l.hash.Write(data)
}

func (l *loader) problem(vendor string, err error) {
	l.gen.problems = append(l.gen.problems, problemOf(vendor, err))
	l.note("problem", vendor, []byte(err.Error()))
}

func (l *loader) revocations(dir string) {
	list, damaged := loadRevocations(dir, l.own)
	l.gen.revoked = list
	for _, r := range list {
		l.note("revoked", r.Vendor, []byte(r.Signer))
	}
	for _, e := range damaged {
		l.gen.damaged = e
		l.problem("", e)
	}
}

// effective maps file names to their path in the highest directory that has
// them. A higher file hides a lower one whole, even when it is broken: an error
// must never bring back what an administrator replaced. So a directory that
// cannot be read might hide every file: blind is why then, nil otherwise.
func (l *loader) effective(dirs []string, suffix string) (files map[string]string, blind error) {
	files = map[string]string{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if _, missing := os.Lstat(dir); os.IsNotExist(err) && os.IsNotExist(missing) {
			continue // and not a link that leads nowhere
		}
		if err != nil {
			blind = &Error{Reason: ErrIO, Path: dir, What: "nobody knows which files it would hide", Err: cause(err), Remedy: "make it a directory that lull may read, or remove it"}
			l.problem("", blind)
			continue
		}
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
				files[name] = filepath.Join(dir, e.Name())
			} else if strings.HasSuffix(e.Name(), ".yml") {
				l.problem("", refuse(ErrVendorBroken, filepath.Join(dir, e.Name()), "not read", "rename it to end in .yaml"))
			}
		}
	}
	return files, blind
}

// masked tells whether a file is empty or a link to /dev/null, by which an
// administrator takes away the one below it.
func masked(path string) bool {
	if target, err := os.Readlink(path); err == nil && target == os.DevNull {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

func (l *loader) loadRoots() {
	files, blind := l.effective(l.opt.RootDirs, ".json")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := files[name]
		if masked(path) {
			continue
		}
		r := &rootFile{name: name, path: path}
		data, err := l.own.readFile(path, sig.MaxRoot)
		if err == nil {
			l.note("root", name, data)
			if r.root, err = sig.ParseRoot(data); err != nil {
				err = &Error{Reason: ErrRoot, Path: path, Err: err, Remedy: "write it with `cosign trusted-root create`, or `lull trust refresh`"}
			}
		}
		if info, serr := os.Stat(path); serr == nil {
			r.modified = info.ModTime()
		}
		if err == nil {
			err = blind
		}
		if err != nil {
			r.broken = err
			l.problem("", err)
		}
		l.gen.roots[name] = r
	}
}

func (l *loader) loadVendors() {
	files, blind := l.effective(l.opt.VendorDirs, ".yaml")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if masked(files[name]) {
			continue
		}
		v := l.loadVendor(name, files[name])
		if blind != nil && v.broken == nil {
			l.breakVendor(v, blind)
		}
		l.gen.vendors[name] = v
		if v.broken == nil {
			l.checkRoots(v)
		}
	}
}

func (l *loader) loadVendor(name, path string) *vendor {
	v := &vendor{Vendor: Vendor{Name: name, File: path}}
	data, err := l.own.readFile(path, maxVendorFile)
	if err != nil {
		return l.breakVendor(v, err)
	}
	l.note("vendor", name, data)
	parsed, f := parseVendor(path, name, data)
	v.Vendor = *parsed
	v.Name = name
	for _, e := range f.list {
		l.problem(name, e)
	}
	if len(f.list) > 0 {
		v.broken = f.list[0]
		return v
	}
	if err := l.loadSigners(v, filepath.Dir(path)); err != nil {
		return l.breakVendor(v, err)
	}
	return v
}

func (l *loader) breakVendor(v *vendor, err error) *vendor {
	v.broken = brokenBy(v.File, err)
	l.problem(v.Name, v.broken)
	return v
}

// brokenBy makes any failure a broken vendor, keeping its place and remedy.
func brokenBy(file string, err error) error {
	e := &Error{Reason: ErrVendorBroken, Path: file, Err: err}
	if inner, ok := err.(*Error); ok {
		e = &Error{Reason: ErrVendorBroken, Path: inner.Path, Line: inner.Line, Remedy: inner.Remedy, Err: &Error{Reason: inner.Reason, What: inner.What, Err: inner.Err}}
	}
	return e
}

func (l *loader) loadSigners(v *vendor, dir string) error {
	for i, k := range v.Keys {
		path := filepath.Join(dir, k.PEMFile)
		data, err := l.own.readFile(path, 64<<10)
		if err != nil {
			return err
		}
		l.note("key", k.PEMFile, data)
		pub, err := sig.ParsePublicKey(data)
		if err == nil && pub.Type == "ed25519" {
			err = fmt.Errorf("ed25519 keys sign no bundle that stock tools check; use ECDSA P-256 or RSA")
		}
		if err != nil {
			return &Error{Reason: ErrVendorBroken, Path: path, What: fmt.Sprintf("keys.%d", i), Err: err, Remedy: "write it with `lull pack --generate-key` or `cosign generate-key-pair`"}
		}
		v.keys = append(v.keys, vendorKey{Key: k, pub: pub})
	}
	for _, id := range v.Identities {
		who, err := sig.NewIdentity(id.Issuer, id.SAN, id.SANRegexp, id.Extensions)
		if err != nil {
			return err
		}
		v.identities = append(v.identities, vendorIdentity{Identity: id, who: who})
	}
	return nil
}

// checkRoots tells at load time of a root that will be missed later; the other
// signers of the vendor stay good.
func (l *loader) checkRoots(v *vendor) {
	want := map[string]bool{}
	for _, k := range v.keys {
		want[k.Root] = true
	}
	for _, id := range v.identities {
		want[id.Root] = true
	}
	delete(want, "")
	for _, name := range sortedKeys(want) {
		if r := l.gen.roots[name]; r == nil || r.broken != nil {
			l.problem(v.Name, refuse(ErrRoot, v.File, fmt.Sprintf("root %q is not in roots.d", name), "add "+name+".json, or run `lull trust refresh`"))
		}
	}
}
