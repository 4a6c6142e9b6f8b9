// Package sigtest makes keyless signatures for tests: a whole sigstore
// deployment in memory, whose bundles and trusted root are real files that any
// verifier reads. The log is that of sigstore-go's virtual
// deployment; certificates and timestamps are made here, so that tests can forge
// them.
package sigtest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Sigstore is a deployment: Fulcio, Rekor, a timestamp authority and a
// certificate transparency log.
type Sigstore struct {
	t      testing.TB
	v      *ca.VirtualSigstore
	fulcio *fulcio
	tsa    *tsa
}

// New starts a deployment of its own. Its certificates are valid now.
func New(t testing.TB) *Sigstore {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	must(t, err)
	return &Sigstore{t: t, v: v, fulcio: newFulcio(t), tsa: newTSA(t)}
}

// OutliveIssuer lets the intermediate certificate authority end before
// whatever is signed from now on (CVE-2026-24122).
func (s *Sigstore) OutliveIssuer() { s.fulcio.outlive() }

// OmitSCT leaves the certificate timestamp out of certificates.
func (s *Sigstore) OmitSCT() { s.fulcio.noSCT = true }

// Root is the deployment's trusted_root.json.
func (s *Sigstore) Root() []byte {
	s.t.Helper()
	rekor := s.v.RekorLogs()
	for id, l := range rekor {
		raw, err := hex.DecodeString(id)
		must(s.t, err)
		l.ID = raw // the virtual log carries it in hex
	}
	tr, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{s.fulcio.authority()}, s.fulcio.logs(), s.tsa.authorities(), rekor)
	must(s.t, err)
	data, err := tr.MarshalJSON()
	must(s.t, err)
	return data
}

// Sign signs a file keyless and returns the bundle.
func (s *Sigstore) Sign(identity, issuer string, file []byte) []byte {
	s.t.Helper()
	return JSON(s.t, s.Parts(identity, issuer, file))
}

// Parts is Sign for a test that mixes up the pieces of a bundle.
func (s *Sigstore) Parts(identity, issuer string, file []byte) *protobundle.Bundle {
	s.t.Helper()
	return s.Mixed(identity, issuer, file, Mix{})
}

// Mix says which parts of a log entry are those of another signature.
type Mix struct{ Digest, Signature, Certificate bool }

// Mixed is Parts with an entry that the log really holds, but that is not
// wholly of this signature.
func (s *Sigstore) Mixed(identity, issuer string, file []byte, mix Mix) *protobundle.Bundle {
	s.t.Helper()
	cert, key := s.fulcio.issue(identity, issuer)
	otherCert, otherKey := s.fulcio.issue(identity, issuer)
	digest := sha256.Sum256(file)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(s.t, err)
	logged, loggedSig, loggedCert := digest, signature, cert
	if mix.Digest {
		logged = sha256.Sum256([]byte("something else"))
	}
	if mix.Signature {
		loggedSig, err = otherKey.Sign(rand.Reader, digest[:], crypto.SHA256)
		must(s.t, err)
	}
	if mix.Certificate {
		loggedCert = otherCert
	}
	body := fmt.Sprintf(`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"%x"}},"signature":{"content":"%s","publicKey":{"content":"%s"}}}}`,
		logged, base64.StdEncoding.EncodeToString(loggedSig), base64.StdEncoding.EncodeToString(pemOf(loggedCert)))
	b := s.bundle(cert, signature, &protorekor.TransparencyLogEntry{CanonicalizedBody: []byte(body)})
	b.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
		MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: digest[:]}, Signature: signature,
	}}
	return b
}

// Attest signs an in-toto statement keyless and returns the bundle.
func (s *Sigstore) Attest(identity, issuer string, statement []byte) []byte {
	s.t.Helper()
	return s.AttestAs(identity, issuer, "application/vnd.in-toto+json", statement)
}

// AttestAs is Attest with any payload of any type.
func (s *Sigstore) AttestAs(identity, issuer, payloadType string, statement []byte) []byte {
	s.t.Helper()
	cert, key := s.fulcio.issue(identity, issuer)
	digest := sha256.Sum256(dsse.PAE(payloadType, statement))
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(s.t, err)
	env := &dsse.Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(statement), Signatures: []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(signature)}}}
	entry, err := s.v.GenerateTlogEntry(cert, env, signature, time.Now().Unix(), false)
	must(s.t, err)
	b := s.bundle(cert, signature, entry.TransparencyLogEntry())
	b.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
		Payload: statement, PayloadType: payloadType, Signatures: []*protodsse.Signature{{Sig: signature}},
	}}
	return JSON(s.t, b)
}

// JSON writes a bundle as a file holds it.
func JSON(t testing.TB, b *protobundle.Bundle) []byte {
	t.Helper()
	data, err := protojson.Marshal(b)
	must(t, err)
	return data
}

func pemOf(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

func (s *Sigstore) bundle(cert *x509.Certificate, signature []byte, entry *protorekor.TransparencyLogEntry) *protobundle.Bundle {
	s.t.Helper()
	stamp := s.tsa.stamp(signature)
	return &protobundle.Bundle{
		MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content:     &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: cert.Raw}},
			TlogEntries: []*protorekor.TransparencyLogEntry{s.logged(entry)},
			TimestampVerificationData: &protobundle.TimestampVerificationData{
				Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamp}},
			},
		},
	}
}

// logged completes a log entry as a real log returns it: when, by whom, the
// promise to include it, and the proof that it did.
func (s *Sigstore) logged(e *protorekor.TransparencyLogEntry) *protorekor.TransparencyLogEntry {
	s.t.Helper()
	var body struct{ Kind, APIVersion string }
	must(s.t, json.Unmarshal(e.CanonicalizedBody, &body))
	id, err := s.v.RekorLogID()
	must(s.t, err)
	raw, err := hex.DecodeString(id)
	must(s.t, err)
	e.KindVersion = &protorekor.KindVersion{Kind: body.Kind, Version: body.APIVersion}
	e.LogId, e.IntegratedTime, e.LogIndex = &protocommon.LogId{KeyId: raw}, time.Now().Unix(), 0
	promise, err := s.v.RekorSignPayload(tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.CanonicalizedBody), IntegratedTime: e.IntegratedTime, LogIndex: e.LogIndex, LogID: id,
	})
	must(s.t, err)
	e.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: promise}
	proof, err := s.v.GetInclusionProof(e.CanonicalizedBody)
	must(s.t, err)
	hash, err := hex.DecodeString(*proof.RootHash)
	must(s.t, err)
	e.InclusionProof = &protorekor.InclusionProof{
		LogIndex: *proof.LogIndex, RootHash: hash, TreeSize: *proof.TreeSize, Checkpoint: &protorekor.Checkpoint{Envelope: *proof.Checkpoint},
	}
	return e
}
