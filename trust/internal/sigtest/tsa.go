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
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// tsa is a timestamp authority (RFC 3161).
type tsa struct {
	t     testing.TB
	root  *x509.Certificate
	inter *x509.Certificate
	key   *ecdsa.PrivateKey // of inter
	leaf  *x509.Certificate
	sign  *ecdsa.PrivateKey // of leaf
	forge Forgery
	named bool // the trusted root names the leaf
}

// Forgery is a way to make a token that must not be believed, CVE-2026-39984.
type Forgery int

// The forgeries.
const (
	Honest Forgery = iota
	// HonestWithBag is honest and carries its certificate, as most tokens do.
	HonestWithBag
	// TwinPrepended is signed by a stranger, whose own certificate with the
	// issuer and serial number of the real one comes first in the bag.
	TwinPrepended
	// RealPrepended is signed by a stranger; the real certificate comes first.
	RealPrepended
	// SiblingPrepended is signed by somebody whom the same authority
	// certified, but not as a timestamper; a forged certificate that looks
	// like one comes first.
	SiblingPrepended
)

func newTSA(t testing.TB) *tsa {
	t.Helper()
	rootCert, rootKey, err := ca.GenerateRootCa()
	must(t, err)
	inter, key, err := ca.GenerateTSAIntermediate(rootCert, rootKey)
	must(t, err)
	a := &tsa{t: t, root: rootCert, inter: inter, key: key, named: true}
	a.leaf, a.sign = a.certify(a.inter, a.key, true)
	return a
}

// certify makes a certificate for timestamps; only with the critical
// extension is it one that may make them (RFC 3161, section 2.3).
func (a *tsa) certify(parent *x509.Certificate, parentKey *ecdsa.PrivateKey, critical bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	must(a.t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(a.t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "tsa"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: usage}},
	}
	if a.leaf != nil && parent == a.leaf {
		template.SerialNumber, parent = a.leaf.SerialNumber, &x509.Certificate{RawSubject: a.leaf.RawIssuer, Subject: a.leaf.Issuer}
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	must(a.t, err)
	cert, err := x509.ParseCertificate(der)
	must(a.t, err)
	return cert, key
}

func (a *tsa) authorities() []root.TimestampingAuthority {
	out := &root.SigstoreTimestampingAuthority{
		Root: a.root, Intermediates: []*x509.Certificate{a.inter}, URI: "https://tsa.localhost",
		ValidityPeriodStart: time.Now().Add(-time.Hour), ValidityPeriodEnd: time.Now().Add(time.Hour),
	}
	if a.named {
		out.Leaf = a.leaf
	}
	return []root.TimestampingAuthority{out}
}

// stamp makes a token over a signature.
func (a *tsa) stamp(signature []byte) []byte {
	a.t.Helper()
	var bag []*x509.Certificate
	cert, key := a.leaf, a.sign
	switch a.forge {
	case HonestWithBag:
		bag = []*x509.Certificate{cert}
	case TwinPrepended:
		cert, key = a.certify(a.leaf, nil, true)
		bag = []*x509.Certificate{cert, a.leaf}
	case RealPrepended:
		stranger := newTSA(a.t)
		cert, key = stranger.leaf, stranger.sign
		bag = []*x509.Certificate{a.leaf, cert}
	case SiblingPrepended:
		cert, key = a.certify(a.inter, a.key, false)
		forged, _ := a.certify(a.leaf, nil, true)
		bag = []*x509.Certificate{forged, cert}
	}
	return a.token(signature, cert, key, bag)
}

// token signs, and puts exactly the given certificates into the bag.
func (a *tsa) token(signature []byte, cert *x509.Certificate, key *ecdsa.PrivateKey, bag []*x509.Certificate) []byte {
	a.t.Helper()
	digest := sha256.Sum256(signature)
	ts := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: time.Now(), AddTSACertificate: bag != nil, Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}}
	der, err := ts.CreateResponseWithOpts(cert, key, crypto.SHA256)
	must(a.t, err)
	if bag == nil {
		return der
	}
	return a.refill(der, bag)
}

// refill puts certificates into the bag of a response, which its signature
// does not cover.
func (a *tsa) refill(der []byte, bag []*x509.Certificate) []byte {
	a.t.Helper()
	type signedData struct {
		Version          int
		DigestAlgorithms asn1.RawValue
		Content          asn1.RawValue
		Certificates     asn1.RawValue // [0]; not signed
		SignerInfos      asn1.RawValue
	}
	type contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue // [0], around the signed data
	}
	var response struct {
		Status asn1.RawValue
		Token  contentInfo
	}
	_, err := asn1.Unmarshal(der, &response)
	must(a.t, err)
	var data signedData
	_, err = asn1.Unmarshal(response.Token.Content.Bytes, &data)
	must(a.t, err)
	var raw []byte
	for _, c := range bag {
		raw = append(raw, c.Raw...)
	}
	data.Certificates = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: raw}
	inner, err := asn1.Marshal(data)
	must(a.t, err)
	response.Token.Content = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}
	out, err := asn1.Marshal(response)
	must(a.t, err)
	a.check(out, bag)
	return out
}

// check makes sure that the forged token is one that a verifier can read.
func (a *tsa) check(der []byte, bag []*x509.Certificate) {
	a.t.Helper()
	ts, err := timestamp.Parse(mustToken(a.t, der))
	must(a.t, err)
	p7, err := pkcs7.Parse(ts.RawToken)
	must(a.t, err)
	if len(p7.Certificates) != len(bag) || !p7.Certificates[0].Equal(bag[0]) {
		a.t.Fatalf("the token holds %d certificates, want %d in order", len(p7.Certificates), len(bag))
	}
}

func mustToken(t testing.TB, der []byte) []byte {
	t.Helper()
	var response struct{ Status, Token asn1.RawValue }
	_, err := asn1.Unmarshal(der, &response)
	must(t, err)
	return response.Token.FullBytes
}

// Forge makes timestamps from now on in the given way. Without named, the
// trusted root leaves the authority's own certificate to the token, as RFC 3161
// allows.
func (s *Sigstore) Forge(how Forgery, named bool) { s.tsa.forge, s.tsa.named = how, named }
