package sig

import (
	"testing"

	"github.com/lullhq/lull/trust/internal/sigtest"
	"google.golang.org/protobuf/encoding/protojson"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
)

// TestAnIssuerThatHadEndedWhenItWasSignedVouchesForNothing is CVE-2026-24122:
// the certificate itself is in time, the private authority above it was not.
func TestAnIssuerThatHadEndedWhenItWasSignedVouchesForNothing(t *testing.T) {
	for name, ended := range map[string]bool{"in time": false, "ended": true} {
		t.Run(name, func(t *testing.T) {
			s := sigtest.New(t)
			if ended {
				s.OutliveIssuer()
			}
			_, err := parsed(t, s.Sign(workflow, issuer, theFile)).VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), sha(theFile))
			if (err != nil) != ended {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestForgedTimestampsAreNotBelieved is CVE-2026-39984: the certificates that a
// token carries are not signed, so whoever passes it on may add to them. The
// log entry's own time is taken away, so that all depends on the token.
func TestForgedTimestampsAreNotBelieved(t *testing.T) {
	for name, tt := range map[string]struct {
		how      sigtest.Forgery
		believed bool
	}{
		"an honest one that carries its certificate":   {sigtest.HonestWithBag, true},
		"a twin of the authority's certificate first":  {sigtest.TwinPrepended, false},
		"the authority's own certificate first":        {sigtest.RealPrepended, false},
		"a forged one before a sibling's that may not": {sigtest.SiblingPrepended, false},
	} {
		for place, named := range map[string]bool{"root names the authority": true, "root names only its issuer": false} {
			t.Run(name+", "+place, func(t *testing.T) {
				s := sigtest.New(t)
				s.Forge(tt.how, named)
				parts := s.Parts(workflow, issuer, theFile)
				for _, e := range parts.VerificationMaterial.TlogEntries {
					e.InclusionPromise, e.IntegratedTime = nil, 0
				}
				res, err := parsed(t, sigtest.JSON(t, parts)).VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), sha(theFile))
				if (err == nil) != tt.believed {
					t.Fatalf("got %v, want believed %v", err, tt.believed)
				}
				if err == nil {
					if _, source := res.SignedAt(); source != "tsa" {
						t.Errorf("the time is from %q", source)
					}
				} else {
					t.Log(err)
				}
			})
		}
	}
}

// TestTwoSignaturesInOneEnvelopeAreRefused adds a second signature, good or
// not, to an envelope that is believed with its one.
func TestTwoSignaturesInOneEnvelopeAreRefused(t *testing.T) {
	s := sigtest.New(t)
	digest := sha(theFile)
	raw := s.Attest(workflow, issuer, statementOver(digest.Digest))
	if _, err := parsed(t, raw).VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), digest); err != nil {
		t.Fatalf("with its one signature: %v", err)
	}
	for name, second := range map[string]func(good []byte) []byte{
		"the same again": func(good []byte) []byte { return good },
		"nonsense":       func([]byte) []byte { return []byte("nonsense") },
		"an empty one":   func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			var b protobundle.Bundle
			if err := protojson.Unmarshal(raw, &b); err != nil {
				t.Fatal(err)
			}
			env := b.GetDsseEnvelope()
			env.Signatures = append(env.Signatures, &protodsse.Signature{Sig: second(env.Signatures[0].Sig)})
			if err := believes(t, sigtest.JSON(t, &b), s, digest); err == nil {
				t.Error("believed")
			} else {
				t.Log(err)
			}
		})
	}
}

// TestEnvelopesOfOtherPayloadsAreRefused is CVE-2026-39395: what is signed must
// be an in-toto statement, and say so, and parse.
func TestEnvelopesOfOtherPayloadsAreRefused(t *testing.T) {
	s := sigtest.New(t)
	digest := sha(theFile)
	good := statementOver(digest.Digest)
	for name, tt := range map[string]struct {
		payload []byte
		typ     string
	}{
		"text":                    {[]byte("hello"), PayloadType},
		"nothing":                 {[]byte{}, PayloadType},
		"JSON that is no object":  {[]byte(`[1]`), PayloadType},
		"a statement as text":     {good, "text/plain"},
		"a statement of no type":  {good, ""},
		"a statement with a tail": {append(append([]byte{}, good...), "{}"...), PayloadType},
	} {
		t.Run(name, func(t *testing.T) {
			if err := believes(t, s.AttestAs(workflow, issuer, tt.typ, tt.payload), s, digest); err == nil {
				t.Error("believed")
			}
		})
	}
	if err := believes(t, s.AttestAs(workflow, issuer, PayloadType, good), s, digest); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func believes(t *testing.T, raw []byte, s *sigtest.Sigstore, what Subject) error {
	t.Helper()
	b, err := ParseBundle(raw)
	if err != nil {
		return err
	}
	_, err = b.VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), what)
	return err
}
