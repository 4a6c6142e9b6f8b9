package sig

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// MaxBundle is the largest bundle that is parsed, in bytes. A bundle with a
// certificate, a log entry and a timestamp is below 16 KiB; attestations carry
// their payload.
const MaxBundle = 4 << 20

// Bundle is a parsed sigstore bundle, of which nothing is verified yet.
type Bundle struct {
	entity verify.SignedEntity
	cert   *x509.Certificate // nil: key-signed
	hint   string
	digest verify.MessageSignatureContent // nil: a DSSE envelope
	env    verify.EnvelopeContent         // nil: a message signature
}

// ParseBundle reads a bundle of version 0.1 to 0.3.
func ParseBundle(data []byte) (*Bundle, error) {
	if len(data) > MaxBundle {
		return nil, fmt.Errorf("larger than %d bytes", MaxBundle)
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	return newBundle(&b)
}

func newBundle(e verify.SignedEntity) (*Bundle, error) {
	vc, err := e.VerificationContent()
	if err != nil {
		return nil, err
	}
	sc, err := e.SignatureContent()
	if err != nil {
		return nil, err
	}
	b := &Bundle{entity: e, cert: vc.Certificate(), digest: sc.MessageSignatureContent(), env: sc.EnvelopeContent()}
	if b.cert == nil {
		if vc.PublicKey() == nil {
			return nil, errors.New("neither a key hint nor a certificate")
		}
		b.hint = vc.PublicKey().Hint()
	}
	return b, nil
}

// Keyless tells whether the bundle carries a certificate instead of naming a key.
func (b *Bundle) Keyless() bool { return b.cert != nil }

// IsStatement tells whether the bundle holds a DSSE envelope instead of a
// signature over a file.
func (b *Bundle) IsStatement() bool { return b.env != nil }

// Names tells whether the bundle's hint is that of k. The hint is not
// authenticated: it only serves to word an error.
func (b *Bundle) Names(k *PublicKey) bool {
	return b.hint == base64.StdEncoding.EncodeToString(k.SPKI[:])
}

// Hash is the algorithm with which the signed file must be hashed. A DSSE
// envelope compares SHA-256.
func (b *Bundle) Hash() (crypto.Hash, error) {
	if b.env != nil {
		return crypto.SHA256, nil
	}
	return hashNamed(b.digest.DigestAlgorithm())
}

func hashNamed(name string) (crypto.Hash, error) {
	switch name {
	case "SHA2_256":
		return crypto.SHA256, nil
	case "SHA2_384":
		return crypto.SHA384, nil
	case "SHA2_512":
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("digest algorithm %q is not supported; sign with SHA2_256, SHA2_384 or SHA2_512", name)
}

// Claims are what a certificate says of its owner, before anything about it is
// verified: only for wording errors and for choosing which identity to demand.
func (b *Bundle) Claims() (issuer, san string, extensions map[string]string) {
	if b.cert == nil {
		return "", "", nil
	}
	sum, err := certificate.SummarizeCertificate(b.cert)
	if err != nil {
		return "", "", nil
	}
	return sum.Issuer, sum.SubjectAlternativeName, extensionsOf(sum)
}
