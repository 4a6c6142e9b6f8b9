package sig

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

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

	without demand // tests only: what is not demanded of it
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

// Hash is the algorithm with which the signed file must be hashed. For a DSSE
// envelope it is the one that its subjects use, SHA-256 if they use several:
// what an npm provenance states, for one, is a SHA-512 digest.
func (b *Bundle) Hash() (crypto.Hash, error) {
	if b.env == nil {
		return hashNamed(b.digest.DigestAlgorithm())
	}
	s, err := statementOf(b.env)
	if err != nil {
		return 0, err
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA512, crypto.SHA384} {
		if slices.ContainsFunc(s.Subject, func(t Thing) bool { return t.Digest[hashNames[h]] != "" }) {
			return h, nil
		}
	}
	return 0, errors.New("no subject has a SHA-256, SHA-384 or SHA-512 digest")
}

// hashNames are the names of digests in statements, and for sigstore-go.
var hashNames = map[crypto.Hash]string{crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}

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
