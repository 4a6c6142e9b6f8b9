package sig

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"google.golang.org/protobuf/proto"
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
	mute   *protobundle.Bundle            // set where it leaves the digest of its file out; entity and digest are nil then

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
	if m := b.GetMessageSignature(); m != nil && m.MessageDigest == nil {
		return newMuteBundle(&b)
	}
	return newBundle(&b)
}

// newMuteBundle is newBundle for one that does not say which file it is of. The
// format lets it: the digest there is "intended solely for identification"
// (sigstore_common.proto) and, unlike the signature, not marked as required.
func newMuteBundle(b *bundle.Bundle) (*Bundle, error) {
	vc, err := b.VerificationContent()
	if err != nil {
		return nil, err
	}
	out := &Bundle{mute: b.Bundle}
	return out, out.signedBy(vc)
}

// about is the bundle with the digest of the file that it is asked about, where
// it has none of its own. This weakens nothing: the signature, and the log
// entry, are compared with the digest of the file, as they are otherwise; what
// falls away is the comparison with a digest that nobody signed.
func (b *Bundle) about(key *PublicKey, s Subject) (*Bundle, error) {
	if b.mute == nil {
		return b, nil
	}
	h, err := b.Hash(key)
	if err != nil {
		return nil, err
	}
	digest := s.Digest
	if s.Message != nil {
		w := h.New()
		w.Write(s.Message)
		digest = w.Sum(nil)
	}
	whole := proto.Clone(b.mute).(*protobundle.Bundle)
	whole.GetMessageSignature().MessageDigest = &protocommon.HashOutput{Algorithm: hashIDs[h], Digest: digest}
	full, err := bundle.NewBundle(whole)
	if err != nil {
		return nil, err
	}
	out, err := newBundle(full)
	if err == nil {
		out.without = b.without
	}
	return out, err
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
	b := &Bundle{entity: e, digest: sc.MessageSignatureContent(), env: sc.EnvelopeContent()}
	return b, b.signedBy(vc)
}

// signedBy notes the certificate, or the hint at the key.
func (b *Bundle) signedBy(vc verify.VerificationContent) error {
	if b.cert = vc.Certificate(); b.cert != nil {
		return nil
	}
	if vc.PublicKey() == nil {
		return errors.New("neither a key hint nor a certificate")
	}
	b.hint = vc.PublicKey().Hint()
	return nil
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

// Stated is the digest of its file that the bundle itself states, nil where it
// states none. Nobody signed it: it only serves to word an error.
func (b *Bundle) Stated() []byte {
	if b.digest == nil {
		return nil
	}
	return b.digest.Digest()
}

// Hash is the algorithm with which the signed file must be hashed. For a DSSE
// envelope it is the one that its subjects use, SHA-256 if they use several:
// what an npm provenance states, for one, is a SHA-512 digest. A bundle that
// does not say is under the hash that goes with the kind of its key; key is the
// one it is tried with, nil for a certificate's.
func (b *Bundle) Hash(key *PublicKey) (crypto.Hash, error) {
	if b.mute != nil {
		return b.usualHash(key)
	}
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

// usualHash is the one of sigstore's registry of algorithms for the kind of key.
func (b *Bundle) usualHash(key *PublicKey) (crypto.Hash, error) {
	var pub crypto.PublicKey
	switch {
	case b.cert != nil:
		pub = b.cert.PublicKey
	case key != nil:
		pub = key.Key
	default:
		return 0, errors.New("it names neither the digest that it is over nor a certificate; a key has to be tried")
	}
	how, err := signature.GetDefaultAlgorithmDetails(pub, options.WithED25519ph())
	if err != nil {
		return 0, err
	}
	if hashIDs[how.GetHashType()] == 0 {
		return 0, fmt.Errorf("it does not name the digest that it is over, and keys of type %T are under no usual one", pub)
	}
	return how.GetHashType(), nil
}

var hashIDs = map[crypto.Hash]protocommon.HashAlgorithm{
	crypto.SHA256: protocommon.HashAlgorithm_SHA2_256, crypto.SHA384: protocommon.HashAlgorithm_SHA2_384, crypto.SHA512: protocommon.HashAlgorithm_SHA2_512,
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
