package sigtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net/url"
	"testing"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
	"github.com/google/certificate-transparency-go/x509util"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// fulcio issues short-lived certificates with an embedded certificate
// timestamp, which sigstore-go's virtual deployment leaves out.
type fulcio struct {
	t      testing.TB
	root   *x509.Certificate
	inter  *x509.Certificate
	key    *ecdsa.PrivateKey // of inter
	logKey *ecdsa.PrivateKey // of the certificate transparency log
	logID  [32]byte

	rootKey *ecdsa.PrivateKey
	noSCT   bool // certificates carry no timestamp
}

func newFulcio(t testing.TB) *fulcio {
	t.Helper()
	rootCert, rootKey, err := ca.GenerateRootCa()
	must(t, err)
	inter, key, err := ca.GenerateFulcioIntermediate(rootCert, rootKey)
	must(t, err)
	logKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(logKey.Public())
	must(t, err)
	return &fulcio{t: t, root: rootCert, inter: inter, key: key, logKey: logKey, logID: sha256.Sum256(der), rootKey: rootKey}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fulcio) authority() root.CertificateAuthority {
	return &root.FulcioCertificateAuthority{
		Root: f.root, Intermediates: []*x509.Certificate{f.inter}, URI: "https://fulcio.localhost",
		ValidityPeriodStart: time.Now().Add(-5 * time.Hour), ValidityPeriodEnd: time.Now().Add(time.Hour),
	}
}

func (f *fulcio) logs() map[string]*root.TransparencyLog {
	return map[string]*root.TransparencyLog{hex.EncodeToString(f.logID[:]): {
		BaseURL: "https://ctlog.localhost", ID: f.logID[:], HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256, PublicKey: f.logKey.Public(),
		ValidityPeriodStart: time.Now().Add(-time.Hour), ValidityPeriodEnd: time.Now().Add(time.Hour),
	}}
}

// outlive replaces the intermediate certificate by one of the same key that
// ended a minute ago, before anything that is issued from now on.
func (f *fulcio) outlive() {
	f.t.Helper()
	old := *f.inter
	old.NotBefore, old.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Minute)
	der, err := x509.CreateCertificate(rand.Reader, &old, f.root, f.key.Public(), f.rootKey)
	must(f.t, err)
	f.inter, err = x509.ParseCertificate(der)
	must(f.t, err)
}

// issue makes a certificate for a workflow, as GitHub Actions gets it.
func (f *fulcio) issue(identity, issuer string) (*x509.Certificate, *ecdsa.PrivateKey) {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(f.t, err)
	san, err := url.Parse(identity)
	must(f.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), URIs: []*url.URL{san}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{f.extension(certificate.OIDIssuerV2, issuer), f.extension(certificate.OIDRunnerEnvironment, "github-hosted")},
	}
	if f.noSCT {
		return f.create(template, key), key
	}
	pre := f.create(template, key)
	template.ExtraExtensions = append(template.ExtraExtensions, f.timestamp(pre))
	return f.create(template, key), key
}

func (f *fulcio) extension(oid asn1.ObjectIdentifier, value string) pkix.Extension {
	f.t.Helper()
	der, err := asn1.MarshalWithParams(value, "utf8")
	must(f.t, err)
	return pkix.Extension{Id: oid, Value: der}
}

func (f *fulcio) create(template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	f.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, f.inter, key.Public(), f.key)
	must(f.t, err)
	cert, err := x509.ParseCertificate(der)
	must(f.t, err)
	return cert
}

// timestamp is the log's promise about a certificate that does not hold it yet
// (RFC 6962, section 3.2).
func (f *fulcio) timestamp(pre *x509.Certificate) pkix.Extension {
	f.t.Helper()
	now := uint64(time.Now().UnixMilli())
	promise := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: f.logID}, Timestamp: now}
	input, err := ct.SerializeSCTSignatureInput(promise, ct.LogEntry{Leaf: ct.MerkleTreeLeaf{
		Version: ct.V1, LeafType: ct.TimestampedEntryLeafType,
		TimestampedEntry: &ct.TimestampedEntry{Timestamp: now, EntryType: ct.PrecertLogEntryType, PrecertEntry: &ct.PreCert{
			IssuerKeyHash: sha256.Sum256(f.inter.RawSubjectPublicKeyInfo), TBSCertificate: pre.RawTBSCertificate,
		}},
	}})
	must(f.t, err)
	digest := sha256.Sum256(input)
	signature, err := f.logKey.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(f.t, err)
	promise.Signature = ct.DigitallySigned{Algorithm: tls.SignatureAndHashAlgorithm{Hash: tls.SHA256, Signature: tls.ECDSA}, Signature: signature}
	list, err := x509util.MarshalSCTsIntoSCTList([]*ct.SignedCertificateTimestamp{&promise})
	must(f.t, err)
	raw, err := tls.Marshal(*list)
	must(f.t, err)
	der, err := asn1.Marshal(raw)
	must(f.t, err)
	return pkix.Extension{Id: asn1.ObjectIdentifier(ctx509.OIDExtensionCTSCT), Value: der}
}
