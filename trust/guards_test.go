//go:build linux

package trust

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lullhq/lull/trust/internal/mutants"
)

// guards are checks that stand where a switch for tests would be out of place:
// in the code that reads and copies bytes. They are taken out in a copy of the
// source instead.
var guards = []mutants.Mutant{
	{Name: "a signature at all", Test: "TestBadPackagesAreRefusedWithPlaceAndRemedy/a package without a signature", Edits: []mutants.Edit{
		{File: "trust/vouch.go", Old: "		if p.detached == nil {\n			return nil, unsigned(p)", New: "		if p.detached == nil && MUTANT {\n			return &vouched{vendor: v}, nil\n		}\n		if p.detached == nil {\n			return nil, unsigned(p)"}}},
	{Name: "a signature over these bytes", Test: "TestBadPackagesAreRefusedWithPlaceAndRemedy/a manifest that changed after it was signed", Edits: []mutants.Edit{
		{File: "trust/vouch.go", Old: "		res, err := b.VerifyKey(k.pub, nil, s)\n", New: "		res, err := b.VerifyKey(k.pub, nil, s)\n		if MUTANT {\n			res, err = &sig.Result{}, nil\n		}\n"}}},
	{Name: "no more bytes than promised", Test: "TestBadArtifactsAreRefused/too many bytes", Edits: []mutants.Edit{
		{File: "trust/store_write.go", Old: "	buf := buffers.Get().(*[]byte)\n", New: "	if MUTANT {\n		limit = 1 << 40\n	}\n	buf := buffers.Get().(*[]byte)\n"},
		{File: "trust/store_write.go", Old: `if want.SHA256 != "" && (n != want.Size`, New: `if !MUTANT && want.SHA256 != "" && (n != want.Size`}}},
	{Name: "the bytes that were signed", Test: "TestBadArtifactsAreRefused/other bytes of the same size", Edits: []mutants.Edit{
		{File: "trust/store_write.go", Old: `have.SHA256 != want.SHA256) {`, New: `have.SHA256 != want.SHA256 && !MUTANT) {`}}},
	{Name: "no link on the way", Test: "TestBadArtifactsAreRefused/a link", Edits: []mutants.Edit{
		{File: "trust/internal/nofollow/nofollow_linux.go", Old: "	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}\n",
			New: "	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}\n	if MUTANT {\n		how.Flags, how.Resolve = how.Flags&^unix.O_NOFOLLOW, 0\n	}\n"}}},
	{Name: "nothing but files", Test: "TestBadArtifactsAreRefused/a directory", Edits: []mutants.Edit{
		{File: "trust/internal/nofollow/nofollow_linux.go", Old: "	if !info.Mode().IsRegular() {\n		return nil, notRegular", New: "	if !info.Mode().IsRegular() && !MUTANT {\n		return nil, notRegular"}}},
	{Name: "a broken file hides the lower one", Test: "TestABrokenFileUncoversNothing", Edits: []mutants.Edit{
		{File: "trust/loader.go", Old: "				files[name] = filepath.Join(dir, e.Name())", New: `				if path := filepath.Join(dir, e.Name()); MUTANT {
					data, _ := mutantos.ReadFile(path)
					if _, err := ParseVendor(name, data); err != nil {
						continue
					}
				}
				files[name] = filepath.Join(dir, e.Name())`}}},
	{Name: "a broken file disables its vendor", Test: "TestABrokenVendorFileDisablesItsVendorAndSaysWhere/an unknown key", Edits: []mutants.Edit{
		{File: "trust/loader.go", Old: "	if len(f.list) > 0 {\n		v.broken = f.list[0]", New: "	if len(f.list) > 0 && !MUTANT {\n		v.broken = f.list[0]"}}},
	{Name: "somebody must be able to sign", Test: "TestABrokenVendorFileDisablesItsVendorAndSaysWhere/no signer at all", Edits: []mutants.Edit{
		{File: "trust/vendor_parse.go", Old: "	if signers == 0 {", New: "	if signers == 0 && !MUTANT {"}}},
	{Name: "issuers in plain letters", Test: "TestABrokenVendorFileDisablesItsVendorAndSaysWhere/an identity with a look-alike issuer", Edits: []mutants.Edit{
		{File: "trust/vendor_parse.go", Old: "|| !ascii(id.Issuer)) {", New: "|| !ascii(id.Issuer) && !MUTANT) {"}}},
	{Name: "keys that stock tools cannot check", Test: "TestPureEd25519IsOnlyForSmallFiles", Edits: []mutants.Edit{
		{File: "trust/loader.go", Old: `pub.Type == "ed25519" {`, New: `pub.Type == "ed25519" && !MUTANT {`}}},
	{Name: "no file is read whole that is large", Test: "TestPureEd25519IsOnlyForSmallFiles", Edits: []mutants.Edit{
		{File: "trust/verify_bundle.go", Old: "readOpen(f, q.File, maxPure); err != nil {", New: "readOpen(f, q.File, map[bool]int64{true: 1 << 40, false: maxPure}[MUTANT]); err != nil {"}}},
	{Name: "names that stay inside", Test: "TestBadPackagesAreRefusedWithPlaceAndRemedy/a path that leaves the package", Edits: []mutants.Edit{
		{File: "trust/names.go", Old: "func badPath(path string) string {\n", New: "func badPath(path string) string {\n	if MUTANT {\n		return \"\"\n	}\n"}}},
	{Name: "a key only once", Test: "TestBadPackagesAreRefusedWithPlaceAndRemedy/a duplicate key", Edits: []mutants.Edit{
		{File: "trust/internal/strict/json.go", Old: "if line, dup := seen[m.Key]; dup {", New: "if line, dup := seen[m.Key]; dup && !MUTANT {"}}},
	{Name: "a directory that cannot be read hides what is below it", Test: "TestADirectoryThatCannotBeReadUncoversNothing", Edits: []mutants.Edit{
		{File: "trust/loader.go", Old: "if blind != nil && v.broken == nil {", New: "if blind != nil && v.broken == nil && !MUTANT {"}}},
	{Name: "what was never verified does not start", Test: "TestWhatNobodyVerifiedIsNotValid", Edits: []mutants.Edit{
		{File: "trust/check.go", Old: "	if v == nil || v.t == nil {\n", New: "	if MUTANT {\n		return nil\n	}\n	if v == nil || v.t == nil {\n"}}},
	{Name: "a revocation within one tick of the clock", Test: "TestARevocationThatChangesWithinOneTickIsSeen", Edits: []mutants.Edit{
		{File: "trust/generation.go", Old: "fmt.Fprintln(&b, e.Name(), info.Mode(), inode, changed, hexDigest(data), err)", New: `if MUTANT {
			fmt.Fprintln(&b, e.Name(), info.Size(), info.ModTime().UnixNano())
			continue
		}
		fmt.Fprintln(&b, e.Name(), info.Mode(), inode, changed, hexDigest(data), err)`}}},
}

func TestEveryGuardIsMissedWhenItIsTakenOut(t *testing.T) { mutants.Run(t, guards) }

func TestWhatNobodyVerifiedIsNotValid(t *testing.T) {
	var none *Verified
	for _, v := range []*Verified{none, {}} {
		wantCode(t, v.Valid(), "not_verified")
	}
}

// TestARevocationThatChangesWithinOneTickIsSeen rewrites one in place, with as
// many bytes, and sets the time of the change back, as happens by itself where
// two writes fall into one tick of the clock.
func TestARevocationThatChangesWithinOneTickIsSeen(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0")
	if err := w.Revoke("elsewhe", "", "x"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(w.path("state/revocations"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v", entries, err)
	}
	path := filepath.Join("state/revocations", entries[0].Name())
	before, err := os.Stat(w.path(path))
	if err != nil {
		t.Fatal(err)
	}
	w.edit(path, "elsewhe", "example")
	if err := os.Chtimes(w.path(path), before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Check(t.Context(), p, "scan", nil, nil)
	wantCode(t, err, "revoked")
}
