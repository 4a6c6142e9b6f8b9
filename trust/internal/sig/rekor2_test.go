package sig

import (
	"testing"

	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// TestALogOfTheSecondGenerationIsBelievedWithATimestamp: Rekor v2 entries carry
// no time of their own, so it comes from a timestamp authority. sigstore-go's
// virtual deployment issues no certificate timestamps; nothing else is left out.
func TestALogOfTheSecondGenerationIsBelievedWithATimestamp(t *testing.T) {
	v, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha(theFile)
	entity, err := v.AttestHashedRekordV2("release@example.com", issuer, statementOver(digest.Digest))
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewIdentity(issuer, "release@example.com", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBundle(entity)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.VerifyIdentity(id, &Root{material: v}, digest); err == nil {
		t.Error("believed without a certificate timestamp")
	}
	b.without = demandSCT
	res, err := b.VerifyIdentity(id, &Root{material: v}, digest)
	if err != nil {
		t.Fatal(err)
	}
	if _, source := res.SignedAt(); source != "tsa" || !res.Logged {
		t.Errorf("got %+v, want the authority's time", res)
	}
	if _, err := b.VerifyIdentity(id, &Root{material: v}, sha([]byte("another file"))); err == nil {
		t.Error("believed for another file")
	}
}
