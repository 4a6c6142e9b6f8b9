package sig

import (
	"testing"

	"github.com/lullhq/lull/trust/internal/sigtest"
	"github.com/sigstore/sigstore-go/pkg/verify"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
)

// FuzzBundle claims that no bundle makes verification panic (it runs without
// the guard that the daemon has), and that none but the original is believed.
func FuzzBundle(f *testing.F) {
	s := sigtest.New(f)
	file := []byte("a file")
	good := s.Sign(workflow, issuer, file)
	r, err := ParseRoot(s.Root())
	if err != nil {
		f.Fatal(err)
	}
	id, err := NewIdentity(issuer, workflow, "", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(s.Attest(workflow, issuer, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"00"}}],"predicateType":"t"}`)))
	f.Add(sigtest.JSON(f, edited(s.Parts(workflow, issuer, file), func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest = nil })))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{}},"messageSignature":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBundle(data)
		if err != nil {
			return
		}
		b.Claims()
		if b, err = b.about(nil, sha([]byte("another file"))); err != nil {
			return
		}
		who, err := id.policy("")
		if err != nil {
			t.Fatal(err)
		}
		opts := []verify.VerifierOption{verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1), verify.WithSignedCertificateTimestamps(1)}
		if _, err := b.verifyUnguarded(r.material, opts, who, sha([]byte("another file"))); err == nil {
			t.Fatal("believed for another file")
		}
	})
}

// FuzzStatement claims that an accepted statement has a type and subjects with
// digests, within their limits.
func FuzzStatement(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"00"}}],"predicateType":"t","predicate":{"a":[1,null,true]}}`))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[],"predicateType":"t"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStatement(data)
		if err == nil && (s.PredicateType == "" || len(s.Subject) == 0 || len(s.Subject) > MaxSubjects || len(s.Subject[0].Digest) == 0) {
			t.Fatalf("accepted %+v", s)
		}
	})
}

// FuzzAttestation claims that peeking at an attestation, which happens before
// its signature is checked, never panics.
func FuzzAttestation(f *testing.F) {
	s := sigtest.New(f)
	f.Add(s.Attest(workflow, issuer, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"00"}}],"predicateType":"t"}`)))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = PeekStatement(data) })
}
