package sig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/lullhq/lull/trust/internal/mutants"
	"github.com/lullhq/lull/trust/internal/sigtest"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
)

const (
	goVerify = "github.com/sigstore/sigstore-go/pkg/verify/"
	goBundle = "github.com/sigstore/sigstore-go/pkg/bundle/bundle.go"
	goTSA    = "github.com/sigstore/timestamp-authority/v2/pkg/verification/verify.go"
)

// libraryChecks are those that sigstore-go makes without being asked and on
// which this package relies, and the guards that this package puts around it.
// Each was missing from some verifier once. With the check taken out of the
// source, an attack gets through, and the test notices.
var libraryChecks = []mutants.Mutant{
	{Name: "one signature in an envelope", Test: "TestTwoSignaturesInOneEnvelopeAreRefused", Edits: []mutants.Edit{
		{File: goVerify + "signature.go", Old: "if len(dsseEnv.Signatures) != 1 {", New: "if len(dsseEnv.Signatures) != 1 && !MUTANT {"}}},
	{Name: "every authority of the chain in time", Test: "TestAnIssuerThatHadEndedWhenItWasSignedVouchesForNothing/ended", Edits: []mutants.Edit{
		{File: "github.com/sigstore/sigstore-go/pkg/root/certificate_authority.go", Old: "	return cert.Verify(opts)", New: `	if MUTANT { // only the certificate itself is looked at
		return [][]*x509.Certificate{append([]*x509.Certificate{cert}, ca.Intermediates...)}, cert.CheckSignatureFrom(ca.Intermediates[0])
	}
	return cert.Verify(opts)`}}},
	{Name: "the certificate that signed a timestamp is the one that is looked at", Test: "TestForgedTimestampsAreNotBelieved/a forged one before a sibling's that may not, root names only its issuer", Edits: []mutants.Edit{
		{File: goTSA, Old: "	return signerCert, chains, nil", New: `	if MUTANT {
		return p7Message.Certificates[0], chains, nil
	}
	return signerCert, chains, nil`}}},
	{Name: "the chain of a timestamp", Test: "TestForgedTimestampsAreNotBelieved/a twin of the authority's certificate first, root names only its issuer", Edits: []mutants.Edit{
		{File: goTSA, Old: `		return nil, nil, fmt.Errorf("error while verifying signer certificate chain: %w", err)
`, New: `		if MUTANT {
			return signerCert, [][]*x509.Certificate{{signerCert, opts.Roots[0]}}, nil
		}
		return nil, nil, fmt.Errorf("error while verifying signer certificate chain: %w", err)
`}}},
	{Name: "a limit of log entries", Test: "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/33 log entries", Edits: []mutants.Edit{
		{File: goBundle, Old: "n > limits.MaxAllowedTlogEntries {", New: "n > limits.MaxAllowedTlogEntries && !MUTANT {"},
		{File: goVerify + "tlog.go", Old: "if len(entries) > limits.MaxAllowedTlogEntries {", New: "if len(entries) > limits.MaxAllowedTlogEntries && !MUTANT {"}}},
	{Name: "a limit of timestamps", Test: "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/33 timestamps", Edits: []mutants.Edit{
		{File: goVerify + "tsa.go", Old: "if len(signedTimestamps) > limits.MaxAllowedTimestamps {", New: "if len(signedTimestamps) > limits.MaxAllowedTimestamps && !MUTANT {"}}},
	{Name: "a limit of subjects", Test: "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/1025 subjects", Edits: []mutants.Edit{
		{File: "trust/internal/sig/statement.go", Old: "len(n.Items) > MaxSubjects {", New: "len(n.Items) > MaxSubjects && !MUTANT {"},
		{File: goVerify + "signature.go", Old: "if len(statement.Subject) > maxAllowedSubjects {", New: "if len(statement.Subject) > maxAllowedSubjects && !MUTANT {"}}},
	{Name: "a limit of digests", Test: "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/33 digests", Edits: []mutants.Edit{
		{File: "trust/internal/sig/statement.go", Old: "len(digests.Members) > MaxDigests {", New: "len(digests.Members) > MaxDigests && !MUTANT {"},
		{File: goVerify + "signature.go", Old: "if len(subject.Digest) > maxAllowedSubjectDigests {", New: "if len(subject.Digest) > maxAllowedSubjectDigests && !MUTANT {"}}},
	{Name: "the log entry is of this signature", Test: "TestKeylessSignaturesThatMustNotBeBelieved/a log entry of another file", Edits: []mutants.Edit{
		{File: goVerify + "tlog.go", Old: "if !bytes.Equal(entry.Signature(), entitySignature) {", New: "if !bytes.Equal(entry.Signature(), entitySignature) && !MUTANT {"},
		{File: goVerify + "tlog.go", Old: "if !verificationContent.CompareKey(entry.PublicKey(), trustedMaterial) {", New: "if !verificationContent.CompareKey(entry.PublicKey(), trustedMaterial) && !MUTANT {"},
		{File: goVerify + "tlog.go", Old: "if !bytes.Equal(entityDigest, entryDigest) {", New: "if !bytes.Equal(entityDigest, entryDigest) && !MUTANT {"}}},
	{Name: "a log that the root knows", Test: "TestKeylessSignaturesThatMustNotBeBelieved/a log entry of another deployment", Edits: []mutants.Edit{
		{File: goVerify + "tlog.go", Old: "tlogVerifier, ok := trustedMaterial.RekorLogs()[hex64Key]\n		if !ok {\n", New: "tlogVerifier, ok := trustedMaterial.RekorLogs()[hex64Key]\n		if !ok {\n			if MUTANT {\n				verifiedLogIDsMap[keyID] = true\n			}\n"}}},
	{Name: "a proof of inclusion", Test: "TestKeylessSignaturesThatMustNotBeBelieved/a log entry without its proof", Edits: []mutants.Edit{
		{File: goBundle, Old: "if len(entries) > 0 && !b.hasInclusionProof {", New: "if len(entries) > 0 && !b.hasInclusionProof && !MUTANT {"}}},
	{Name: "the type of an envelope's payload", Test: "TestEnvelopesOfOtherPayloadsAreRefused/a statement as text", Edits: []mutants.Edit{
		{File: "trust/internal/sig/statement.go", Old: "if raw.PayloadType != PayloadType {", New: "if raw.PayloadType != PayloadType && !MUTANT {"},
		{File: goVerify + "statement.go", Old: "if raw.PayloadType != ", New: "if !MUTANT && raw.PayloadType != "},
		{File: "github.com/sigstore/sigstore-go/pkg/bundle/signature_content.go", Old: "if e.PayloadType != IntotoMediaType {", New: "if e.PayloadType != IntotoMediaType && !MUTANT {"}}},
	{Name: "a panic of the library is an error", Test: "TestAPanicOfTheLibraryIsAnErrorOfTheBundle", Edits: []mutants.Edit{
		{File: "trust/internal/sig/verify.go", Old: "		if p := recover(); p != nil {", New: "		if MUTANT {\n			return\n		}\n		if p := recover(); p != nil {"}}},
	{Name: "nothing larger than a bundle is parsed", Test: "TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn/a bundle of 5 MB", Edits: []mutants.Edit{
		{File: "trust/internal/sig/bundle.go", Old: "if len(data) > MaxBundle {", New: "if len(data) > MaxBundle && !MUTANT {"}}},
}

func TestEveryCheckOfTheLibraryIsMissedWhenItIsTakenOut(t *testing.T) { mutants.Run(t, libraryChecks) }

// TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn makes bundles that are right
// in all but their numbers: what is too many is what the root cannot judge, so
// that nothing else would refuse it.
func TestHostileNumbersAreRefusedBeforeTheyAreWorkedOn(t *testing.T) {
	s := sigtest.New(t)
	digest := fmt.Sprintf("%x", sha256.Sum256(theFile))
	subject := fmt.Sprintf(`{"name":"x","digest":{"sha256":%q}}`, digest)
	statement := func(subjects string) []byte {
		return s.Attest(workflow, issuer, fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[%s],"predicateType":"https://slsa.dev/provenance/v1"}`, subjects))
	}
	times := func(n int, what func(i int) string) (list string) {
		for i := range n {
			list += "," + what(i)
		}
		return list
	}
	for name, raw := range map[string][]byte{
		"33 log entries": sigtest.JSON(t, edited(s.Parts(workflow, issuer, theFile), func(b *protobundle.Bundle) {
			one := b.VerificationMaterial.TlogEntries[0]
			for i := range 32 {
				more := proto.Clone(one).(*protorekor.TransparencyLogEntry)
				more.LogId.KeyId[0] ^= byte(i + 1)
				b.VerificationMaterial.TlogEntries = append(b.VerificationMaterial.TlogEntries, more)
			}
		})),
		"33 timestamps": sigtest.JSON(t, edited(s.Parts(workflow, issuer, theFile), func(b *protobundle.Bundle) {
			for range 32 {
				b.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps = append(b.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps,
					&protocommon.RFC3161SignedTimestamp{SignedTimestamp: []byte("nothing")})
			}
		})),
		"1025 subjects":    statement(subject + times(1024, func(i int) string { return fmt.Sprintf(`{"name":"%d","digest":{"sha256":%q}}`, i, digest) })),
		"33 digests":       statement(fmt.Sprintf(`{"name":"x","digest":{"sha256":%q%s}}`, digest, times(32, func(i int) string { return fmt.Sprintf(`"a%d":"00"`, i) }))),
		"a bundle of 5 MB": append(s.Sign(workflow, issuer, theFile), bytes.Repeat([]byte(" "), 5<<20)...),
	} {
		t.Run(name, func(t *testing.T) {
			if err := believes(t, raw, s, sha(theFile)); err == nil {
				t.Error("believed")
			}
		})
	}
}

func edited(b *protobundle.Bundle, edit func(*protobundle.Bundle)) *protobundle.Bundle {
	edit(b)
	return b
}

// TestTheLogEntryMustBeOfThisFileInEveryPart lets a log hold an entry of which
// one part alone is of something else: CVE-2022-36056 and CVE-2026-22703. What
// compares the parts with the bundle and what compares them with each other
// (Rekor's own parser) each refuse it.
func TestTheLogEntryMustBeOfThisFileInEveryPart(t *testing.T) {
	for name, how := range map[string]sigtest.Mix{"digest": {Digest: true}, "signature": {Signature: true}, "certificate": {Certificate: true}, "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			s := sigtest.New(t)
			b, err := ParseBundle(sigtest.JSON(t, s.Mixed(workflow, issuer, theFile, how)))
			if err == nil {
				_, err = b.VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), sha(theFile))
			}
			if (err == nil) != (name == "nothing") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAPanicOfTheLibraryIsAnErrorOfTheBundle: see cosign issue 5045.
func TestAPanicOfTheLibraryIsAnErrorOfTheBundle(t *testing.T) {
	s := sigtest.New(t)
	b := parsed(t, s.Sign(workflow, issuer, theFile))
	b.entity = panicking{b.entity}
	if _, err := b.VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), sha(theFile)); err == nil {
		t.Error("believed")
	}
}

type panicking struct{ verify.SignedEntity }

func (panicking) VerificationContent() (verify.VerificationContent, error) { panic("malformed") }

// TestABundleMayLeaveOutTheDigestOfItsFile: the format allows it, and the file
// has to be the right one all the same.
func TestABundleMayLeaveOutTheDigestOfItsFile(t *testing.T) {
	s := sigtest.New(t)
	mute := sigtest.JSON(t, edited(s.Parts(workflow, issuer, theFile), func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest = nil }))
	other := sigtest.JSON(t, edited(s.Mixed(workflow, issuer, theFile, sigtest.Mix{Digest: true}), func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest = nil }))
	if err := believes(t, mute, s, sha(theFile)); err != nil {
		t.Errorf("a certificate's: %v", err)
	}
	if err := believes(t, mute, s, sha([]byte("another file"))); err == nil {
		t.Error("a certificate's, of another file: believed")
	}
	if err := believes(t, mute, sigtest.New(t), sha(theFile)); err == nil {
		t.Error("a certificate's, of another deployment: believed")
	}
	if err := believes(t, other, s, sha(theFile)); err == nil {
		t.Error("a certificate's, with a log entry of another digest: believed")
	}
}

// TestAKeysBundleMayLeaveOutTheDigestOfItsFile is the same for keys, each under
// the hash that goes with its kind.
func TestAKeysBundleMayLeaveOutTheDigestOfItsFile(t *testing.T) {
	for name, tt := range map[string]struct {
		make func() (crypto.Signer, error)
		hash crypto.Hash
	}{
		"ecdsa-p256": {func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }, crypto.SHA256},
		"ecdsa-p384": {func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }, crypto.SHA384},
		"rsa-2048":   {func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }, crypto.SHA256},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := tt.make()
			if err != nil {
				t.Fatal(err)
			}
			pub, err := NewPublicKey(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			raw, err := SignBlob(t.Context(), key, theFile)
			if err != nil {
				t.Fatal(err)
			}
			var whole protobundle.Bundle
			if err := protojson.Unmarshal(raw, &whole); err != nil {
				t.Fatal(err)
			}
			whole.GetMessageSignature().MessageDigest = nil
			b := parsed(t, sigtest.JSON(t, &whole))
			if h, err := b.Hash(pub); h != tt.hash || err != nil {
				t.Errorf("got hash %v, %v", h, err)
			}
			if _, err := b.Hash(nil); err == nil {
				t.Error("a hash without a key")
			}
			for file, want := range map[string]bool{string(theFile): true, "another file": false} {
				w := tt.hash.New()
				w.Write([]byte(file))
				if _, err := b.VerifyKey(pub, nil, Subject{Digest: w.Sum(nil)}); (err == nil) != want {
					t.Errorf("%s: %v, want believed %v", file, err, want)
				}
			}
			if _, err := b.VerifyKey(pub, nil, Subject{Digest: []byte("short")}); err == nil {
				t.Error("believed for a digest of no such length")
			}
		})
	}
}
