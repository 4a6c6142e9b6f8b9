package trust

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// lessons are the known ways in which verifiers were fooled, and the traps that
// the libraries set, each with the tests that would notice it here, and with the
// checks that stand against it. A name after a slash is a case of the test's
// table. Each check is taken out by a test of its own, and then missed:
// those of defence.go by the mutation test, what internal/sig/demand.go asks of
// sigstore-go by its test, and what the libraries and the code that copies bytes
// do by themselves in a copy of their source (guards, libraryChecks). Lessons
// without a check are about what the code does not do at all.
var lessons = []struct {
	lesson string
	tests  []string
	checks []string
}{
	{"expressions for names are not anchored",
		[]string{"TestEveryDemandIsMissedWhenItIsLeftOut", "TestKeylessPackagesOfOthersAreRefused/ours as a prefix of theirs", "TestKeylessPackagesOfOthersAreRefused/ours as a suffix of theirs", "TestBadIdentitiesAreRefused/an all-match"},
		[]string{"the whole name, not a part of it"}},
	{"key windows are not looked at without a timestamp; GHSA-wqqc-jjcq-vfxm",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a key after its time", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key before its time", "TestKeylessPackagesOfOthersAreRefused/a window that is over"},
		[]string{"key window"}},
	{"a statement matches by any digest, whatever its subject and type",
		[]string{"TestBadAttestationsSpoilThePackage/with the digest, another name", "TestBadAttestationsSpoilThePackage/of a type nobody asked for"},
		[]string{"attestation subject", "attestation predicate type", "the digest of the file"}},
	{"more than 1024 subjects",
		[]string{"TestBadAttestationsSpoilThePackage/with 1025 subjects", "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/1025 subjects", "FuzzStatement"},
		[]string{"a limit of subjects", "a limit of digests"}},
	{"a file is hashed twice, or read whole",
		[]string{"TestVerifyingCostsWhatHashingCosts"},
		[]string{}},
	{"pure Ed25519 needs the whole file in memory",
		[]string{"TestPureEd25519IsOnlyForSmallFiles"},
		[]string{"no file is read whole that is large", "keys that stock tools cannot check"}},
	{"the bundle's digest is of another algorithm, or is not there",
		[]string{"TestKeylessSignaturesThatMustNotBeBelieved/a digest of another algorithm", "TestKeysOfEveryKindSignAndVerify/ecdsa-p384", "TestABundleMayLeaveOutTheDigestOfItsFile", "TestAKeysBundleMayLeaveOutTheDigestOfItsFile"},
		[]string{"the digest of the file"}},
	{"TUF in the way of verification",
		[]string{"TestOnlyARefreshCanTouchTheNetwork"},
		[]string{}},
	{"TUF: rollback, expiry, another repository, no server",
		[]string{"TestARefreshReplacesTheRootAndNothingElseDoes", "TestARefreshRefusesAnotherRepositorysWord"},
		[]string{}},
	{"CVE-2022-36056: the log entry is of something else; identities are not checked; garbage passes",
		[]string{"TestKeylessSignaturesThatMustNotBeBelieved/a log entry of another file", "TestKeylessSignaturesThatMustNotBeBelieved/another subject", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a bundle that is garbage", "TestEveryDemandIsMissedWhenItIsLeftOut"},
		[]string{"the log entry is of this signature", "the signer's identity", "a log entry"}},
	{"CVE-2026-22703: log entry, signature, certificate and digest are not compared",
		[]string{"TestTheLogEntryMustBeOfThisFileInEveryPart", "TestKeylessSignaturesThatMustNotBeBelieved/a signature of another file", "TestKeylessSignaturesThatMustNotBeBelieved/a certificate of another file", "TestKeylessSignaturesThatMustNotBeBelieved/another file"},
		[]string{"the log entry is of this signature", "a signature over these bytes"}},
	{"CVE-2026-24122: the issuing authority had ended",
		[]string{"TestAnIssuerThatHadEndedWhenItWasSignedVouchesForNothing"},
		[]string{"every authority of the chain in time"}},
	{"CVE-2026-39984: a forged certificate first in the bag of a timestamp",
		[]string{"TestForgedTimestampsAreNotBelieved"},
		[]string{"the certificate that signed a timestamp is the one that is looked at", "the chain of a timestamp"}},
	{"CVE-2026-39395: predicate type and payload of attestations are not checked",
		[]string{"TestEnvelopesOfOtherPayloadsAreRefused/a statement as text", "TestBadAttestationsSpoilThePackage/that is no statement", "TestBadAttestationsSpoilThePackage/of a type nobody asked for", "FuzzAttestation"},
		[]string{"the type of an envelope's payload", "attestation predicate type"}},
	{"CVE-2024-45395, CVE-2024-29902, CVE-2023-33958: endless data",
		[]string{"TestHostileSizesCostLittle", "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/33 log entries", "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/33 timestamps", "TestBadArtifactsAreRefused/too many bytes", "TestATarThatDoesNotFitIsRefusedBeforeItIsUnpacked"},
		[]string{"a limit of log entries", "a limit of timestamps", "nothing larger than a bundle is parsed", "no more bytes than promised", "store quota"}},
	{"CVE-2022-29173, CVE-2024-23332: older signed content",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a version below one registered before", "TestBadPackagesAreRefusedWithPlaceAndRemedy/the same version signed earlier", "TestBadUpdateDocumentsAreRefused/an older one of the line", "TestFloorsSurviveTheStoreAndFailClosed"},
		[]string{"version floor", "update floor", "floors that were lost", "minimum version"}},
	{"GHSA-fphv-w9fq-2525: a vendor that needs no signature",
		[]string{"TestABrokenVendorFileDisablesItsVendorAndSaysWhere/no signer at all", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a package without a signature"},
		[]string{"a signature at all", "somebody must be able to sign"}},
	{"GHSA-fcv2-xgw5-pqxf: names that leave the directory",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a path that leaves the package", "TestBadPackagesAreRefusedWithPlaceAndRemedy/an absolute path", "TestNamesThatLeaveAreNotOpened", "FuzzManifest", "FuzzTar"},
		[]string{"names that stay inside", "no link on the way"}},
	{"CVE-2023-47122: trust in whatever key the log shows",
		[]string{"TestKeylessSignaturesThatMustNotBeBelieved/a log entry of another deployment"},
		[]string{"a log that the root knows"}},
	{"sigstore-go#145: a bundle without proof of inclusion",
		[]string{"TestKeylessSignaturesThatMustNotBeBelieved/a log entry without its proof"},
		[]string{"a proof of inclusion"}},
	{"a certificate that no log has seen, and that nobody timed",
		[]string{"TestEveryDemandIsMissedWhenItIsLeftOut"},
		[]string{"a certificate timestamp", "a trusted time", "the certificate's extensions"}},
	{"a key's signature that must be logged, and is not",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a key that must be logged, and is not", "TestAKeyThatMustBeLoggedIsNotBelievedWithoutItsLog"},
		[]string{"keys that must be logged"}},
	{"two signatures in one envelope",
		[]string{"TestTwoSignaturesInOneEnvelopeAreRefused", "TestPublishedSignaturesAreJudgedAsTheirMakersMeantThem"},
		[]string{"one signature in an envelope"}},
	{"cosign#5045: a malformed bundle ends the program",
		[]string{"FuzzBundle", "TestAPanicOfTheLibraryIsAnErrorOfTheBundle"},
		[]string{"a panic of the library is an error"}},
	{"duplicate keys, look-alike keys, marks before the text",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/a duplicate key", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a key in capitals", "TestWhatOtherParsersForgiveIsAFault", "TestABrokenVendorFileDisablesItsVendorAndSaysWhere/an identity with a look-alike issuer"},
		[]string{"a key only once", "issuers in plain letters"}},
	{"bytes change between the check and the start",
		[]string{"TestOtherBytesAreNeverStored", "TestOtherBytesAreNeverRegistered", "TestOtherBytesNeverReachAStart", "TestAStoredFileThatIsTouchedNeverStarts"},
		[]string{"payload digest", "the bytes that were signed", "store unchanged", "store read again after a crash", "generation unchanged"}},
	{"links, second names, devices, FIFOs and sockets",
		[]string{"TestBadArtifactsAreRefused/a link", "TestBadArtifactsAreRefused/a hard link", "TestBadArtifactsAreRefused/a socket", "TestADeviceIsRefusedUnopened"},
		[]string{"no links", "no second names", "no link on the way", "nothing but files"}},
	{"a file or directory that somebody else may change",
		[]string{"TestFilesThatOthersCouldChangeAreNotBelieved", "TestAStoreThatOthersCouldChangeStartsNothing"},
		[]string{"files that nobody else can change"}},
	{"an id is taken over by another vendor",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/an id that belongs to another vendor", "TestOverlappingVendorsAreBothDisabledAndSayWho"},
		[]string{"id bound to its vendor", "overlapping scopes", "an updater replaces itself only"}},
	{"a broken or missing vendor file uncovers a lower one or keeps a removed key",
		[]string{"TestABrokenFileUncoversNothing", "TestADirectoryThatCannotBeReadUncoversNothing", "TestADamagedRevocationStopsEverybody", "TestARevocationThatChangesWithinOneTickIsSeen"},
		[]string{"a broken file hides the lower one", "a directory that cannot be read hides what is below it", "a broken file disables its vendor", "a revocation that cannot be read", "revocations looked for at each check", "a revocation within one tick of the clock", "a vendor that is switched off", "revocation"}},
	{"more than a vendor may: updaters, actions, components, directories, interpreters, platforms",
		[]string{"TestBadPackagesAreRefusedWithPlaceAndRemedy/an updater outside its vendor's scope", "TestBadPackagesAreRefusedWithPlaceAndRemedy/an action outside the scope", "TestBadPackagesAreRefusedWithPlaceAndRemedy/a directory outside the scope", "TestBadPackagesAreRefusedWithPlaceAndRemedy/an interpreter that is not allowed"},
		[]string{"updater scope", "action scope", "component scope", "write scope", "platform", "interpreter", "attest-only signers", "nothing extra"}},
	{"artifacts that nothing signed states, or that are of something else",
		[]string{"TestInstallNeedsADocumentUnlessTheScopeSaysSelf", "TestAnotherUpdatersArtifactsDoNotInstall"},
		[]string{"artifacts stated", "self is no artifact", "document is for this updater"}},
	{"time: ended, not begun, withdrawn, and a clock that is wrong",
		[]string{"TestATimeThatCannotBeRightWaits", "TestBadUpdateDocumentsAreRefused/one read by a clock that was set back", "TestBadUpdateDocumentsAreRefused/one read by a clock that was set forth"},
		[]string{"clock plausibility", "document expiry", "vendor expiry", "not yet valid", "deny list"}},
	{"what nobody verified is started",
		[]string{"TestWhatNobodyVerifiedIsNotValid"},
		[]string{"what was never verified does not start"}},
}

// TestEveryLessonHasItsTests keeps the table above true: each test, case and
// check that it names is there, and no check stands against nothing.
func TestEveryLessonHasItsTests(t *testing.T) {
	tests, checks, used := testsOfThisRoom(t), checksOfThisRoom(t), map[string]bool{}
	for _, l := range lessons {
		for _, name := range l.checks {
			if !checks[name] {
				t.Errorf("%s: no test takes out %q", l.lesson, name)
			}
			used[name] = true
		}
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
	for name := range checks {
		if !used[name] {
			t.Errorf("no lesson needs the check %q", name)
		}
	}
}

// checksOfThisRoom reads the names of all checks that a test takes out.
func checksOfThisRoom(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for file, before := range map[string]string{
		"defence.go": `defence = "`, "internal/sig/demand.go": `demand = "`, "guards_test.go": `{Name: "`, "internal/sig/library_test.go": `{Name: "`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if _, after, ok := strings.Cut(line, before); ok {
				name, _, _ := strings.Cut(after, `"`)
				out[name] = true
			}
		}
	}
	return out
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
