package sig

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/testing/data"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

func statementOver(digest []byte) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":%q}}],"predicateType":"https://slsa.dev/provenance/v1"}`, hex.EncodeToString(digest))
}

func publishedRoot(t *testing.T, name string) *Root {
	t.Helper()
	raw, err := data.TrustedRoot(t, name).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func publishedBundle(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := json.Marshal(data.Bundle(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestPublishedSignaturesAreJudgedAsTheirMakersMeantThem goes through the
// bundles that sigstore-go publishes with their roots.
func TestPublishedSignaturesAreJudgedAsTheirMakersMeantThem(t *testing.T) {
	b := parsed(t, publishedBundle(t, "othername.sigstore.json"))
	id, err := NewIdentity("http://oidc.local:8080", "foo!oidc.local", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	file := Subject{Digest: b.digest.Digest()}
	if _, err := b.VerifyIdentity(id, publishedRoot(t, "scaffolding.json"), file); err != nil {
		t.Errorf("a name of a kind of its own, with its root: %v", err)
	}
	if _, err := b.VerifyIdentity(id, publishedRoot(t, "public-good.json"), file); err == nil {
		t.Error("believed with the root of another deployment")
	}
	if err := believesPublished(t, "dsse.sigstore.json"); err != nil {
		t.Errorf("an envelope with one signature: %v", err)
	}
	// The same envelope with a second signature in it.
	if err := believesPublished(t, "dsse-2sigs.sigstore.json"); err == nil || !strings.Contains(err.Error(), "exactly one signature") {
		t.Errorf("an envelope with two signatures: %v", err)
	}
}

// believesPublished verifies an envelope with all that its certificate and its
// statement ask for, so that nothing but the envelope itself can be wrong.
func believesPublished(t *testing.T, name string) error {
	t.Helper()
	raw := publishedBundle(t, name)
	said, err := PeekStatement(raw)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(said.Subject[0].Digest["sha512"])
	if err != nil {
		t.Fatal(err)
	}
	b := parsed(t, raw)
	issuer, san, _ := b.Claims()
	id, err := NewIdentity(issuer, san, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.VerifyIdentity(id, publishedRoot(t, "public-good.json"), Subject{Digest: digest})
	return err
}

// TestThePublishedKeyOfAPackageRegistry verifies npm's: a signature of a key
// that was valid when it was made.
func TestThePublishedKeyOfAPackageRegistry(t *testing.T) {
	text, err := cryptoutils.MarshalPublicKeyToPEM(data.PublicKey(t, "public-key-validity.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	b := parsed(t, publishedBundle(t, "public-key-validity.sigstore.json"))
	file := Subject{Digest: b.digest.Digest()}
	if _, err := b.VerifyKey(pub, nil, file); err != nil {
		t.Errorf("with its key: %v", err)
	}
	if _, err := b.VerifyKey(pub, publishedRoot(t, "public-good.json"), file); err == nil {
		t.Error("believed as logged, which it is not")
	}
	file.Digest[0] ^= 1
	if _, err := b.VerifyKey(pub, nil, file); err == nil {
		t.Error("believed for another file")
	}
}
