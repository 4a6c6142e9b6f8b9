package trust

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// lessons are the known ways in which verifiers were fooled, each with the
// tests that would notice it here. A name after a slash is a case of the test's
// table. Where the check is lull's own, defence.go names it and the mutation
// test switches it off; where it is asked of sigstore-go, internal/sig/demand.go
// does. What a library does by itself, without being asked, is only tested.
var lessons = []struct {
	lesson string
	tests  []string
}{
	{"expressions for names are not anchored", []string{"TestEveryDemandIsMissedWhenItIsLeftOut", "TestKeylessPackagesOfOthersAreRefused/ours as a prefix of theirs", "TestBadIdentitiesAreRefused/an all-match"}},
	{"key windows are not looked at without a timestamp", []string{"TestEveryDefenceIsMissedWhenItIsSwitchedOff", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key after its time", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key before its time", "TestKeylessPackagesOfOthersAreRefused/a window that is over"}},
	{"a statement matches by any digest, whatever its subject and type", []string{"TestEveryDefenceIsMissedWhenItIsSwitchedOff", "TestBadAttestationsSpoilThePackage/with the digest, another name", "TestBadAttestationsSpoilThePackage/of a type nobody asked for"}},
	{"more than 1024 subjects", []string{"TestBadAttestationsSpoilThePackage/with 1025 subjects", "FuzzStatement"}},
	{"a file is hashed twice, or read whole", []string{"TestVerifyingCostsWhatHashingCosts"}},
	{"pure Ed25519 needs the whole file in memory", []string{"TestPureEd25519IsOnlyForSmallFiles"}},
	{"the bundle's digest is of another algorithm", []string{"TestKeylessSignaturesThatMustNotBeBelieved/a digest of another algorithm", "TestKeysOfEveryKindSignAndVerify/ecdsa-p384"}},
	{"TUF in the way of verification", []string{"TestOnlyARefreshCanTouchTheNetwork"}},
	{"TUF: rollback, expiry, another repository, no server", []string{"TestARefreshReplacesTheRootAndNothingElseDoes", "TestARefreshRefusesAnotherRepositorysWord"}},

	{"CVE-2022-36056: the log entry is of something else; identities are not checked; garbage passes", []string{"TestKeylessSignaturesThatMustNotBeBelieved/a log entry of another file", "TestKeylessSignaturesThatMustNotBeBelieved/another subject", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a bundle that is garbage", "TestEveryDemandIsMissedWhenItIsLeftOut"}},
	{"CVE-2026-22703: log entry, signature, certificate and digest are not compared", []string{"TestKeylessSignaturesThatMustNotBeBelieved/a signature of another file", "TestKeylessSignaturesThatMustNotBeBelieved/a certificate of another file", "TestKeylessSignaturesThatMustNotBeBelieved/another file"}},
	{"CVE-2026-24122: the issuing authority had ended", []string{"TestAnIssuerThatHadEndedWhenItWasSignedVouchesForNothing"}},
	{"CVE-2026-39984: a forged certificate first in the bag of a timestamp", []string{"TestForgedTimestampsAreNotBelieved"}},
	{"CVE-2026-39395: predicate type and payload of attestations are not checked", []string{"TestEnvelopesOfOtherPayloadsAreRefused/a statement as text", "TestBadAttestationsSpoilThePackage/that is no statement", "TestBadAttestationsSpoilThePackage/of a type nobody asked for", "FuzzAttestation"}},
	{"GHSA-wqqc-jjcq-vfxm: the window of a key is ignored", []string{"TestEveryDefenceIsMissedWhenItIsSwitchedOff", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key after its time"}},
	{"CVE-2024-45395, CVE-2024-29902, CVE-2023-33958: endless data", []string{"TestHostileSizesCostLittle", "TestKeylessSignaturesThatMustNotBeBelieved/33 log entries", "TestBadAttestationsSpoilThePackage/with 1025 subjects"}},
	{"CVE-2022-29173, CVE-2024-23332: older signed content", []string{"TestEveryDefenceIsMissedWhenItIsSwitchedOff", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a version below one registered before", "TestBadPackagesAreRefusedWithPlaceAndRemedy/the same version signed earlier", "TestBadUpdateDocumentsAreRefused/an older one of the line", "TestFloorsSurviveTheStoreAndFailClosed"}},
	{"GHSA-fphv-w9fq-2525: a vendor that needs no signature", []string{"TestABrokenVendorFileDisablesItsVendorAndSaysWhere/no signer at all"}},
	{"GHSA-fcv2-xgw5-pqxf: names that leave the directory", []string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a path that leaves the package", "TestBadPackagesAreRefusedWithPlaceAndRemedy/an absolute path", "TestNamesThatLeaveAreNotOpened", "FuzzManifest", "FuzzTar"}},
	{"CVE-2023-47122: trust in whatever key the log shows", []string{"TestKeylessSignaturesThatMustNotBeBelieved/a log entry of another deployment"}},
	{"sigstore-go#145: a bundle without proof of inclusion", []string{"TestKeylessSignaturesThatMustNotBeBelieved/a log entry without its proof"}},
	{"a key's signature that must be logged, and is not", []string{"TestEveryDefenceIsMissedWhenItIsSwitchedOff", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key that must be logged, and is not", "TestAKeyThatMustBeLoggedIsNotBelievedWithoutItsLog"}},
	{"two signatures in one envelope", []string{"TestTwoSignaturesInOneEnvelopeAreRefused", "TestPublishedSignaturesAreJudgedAsTheirMakersMeantThem"}},
	{"cosign#5045: a malformed bundle ends the program", []string{"FuzzBundle"}},
	{"duplicate keys, look-alike keys, marks before the text", []string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a duplicate key", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key in capitals", "TestWhatOtherParsersForgiveIsAFault"}},
	{"bytes change between the check and the start", []string{"TestOtherBytesAreNeverStored", "TestAStoredFileThatIsTouchedNeverStarts", "TestOtherBytesAreNeverRegistered", "TestOtherBytesNeverReachAStart"}},
	{"an id is taken over by another vendor", []string{"TestEveryDefenceIsMissedWhenItIsSwitchedOff", "TestBadPackagesAreRefusedWithPlaceAndRemedy/an id that belongs to another vendor"}},
	{"a broken or missing vendor file uncovers a lower one or keeps a removed key", []string{"TestABrokenFileUncoversNothing", "TestADamagedRevocationStopsEverybody"}},
}

// TestEveryLessonHasItsTests keeps the table above true: each test and each
// case that it names is there.
func TestEveryLessonHasItsTests(t *testing.T) {
	tests := testsOfThisRoom(t)
	for _, l := range lessons {
		for _, name := range l.tests {
			test, part, _ := strings.Cut(name, "/")
			said, ok := tests[test]
			if !ok {
				t.Errorf("%s: there is no %s", l.lesson, test)
			} else if part != "" && !said[part] {
				t.Errorf("%s: %s has no case %q", l.lesson, test, part)
			}
		}
	}
}

// testsOfThisRoom reads the sources: for each test, the strings of its file,
// among which the names of its cases are.
func testsOfThisRoom(t *testing.T) map[string]map[string]bool {
	t.Helper()
	out := map[string]map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		said := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				said[text] = true
			}
			return true
		})
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				out[f.Name.Name] = said
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOnlyARefreshCanTouchTheNetwork keeps TUF, which goes online as soon as it
// is opened, out of everything but the refresher.
func TestOnlyARefreshCanTouchTheNetwork(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			online := name == "net" || name == "net/http" || strings.HasSuffix(name, "/tuf") || strings.Contains(name, "go-tuf")
			if online && path != filepath.Join("internal", "sig", "refresh.go") {
				t.Errorf("%s imports %s", path, name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Repository" && path != "refresh.go" {
				t.Errorf("%s uses sig.Repository, which only Refresher may", path)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
