package sig

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	_ "crypto/sha256" // the hashes that bundles use
	_ "crypto/sha512"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// Subject is what the signature must be over: the digest of a file under the
// bundle's hash, and the file itself where the key needs it (Ed25519).
type Subject struct {
	Digest  []byte
	Message []byte // may be nil
}

// Time is when a third party saw the signature.
type Time struct {
	Source string // "tlog" or "tsa"
	At     time.Time
}

// Result is what a successful verification established.
type Result struct {
	Times      []Time
	Logged     bool // a transparency log entry was demanded and verified
	SCT        bool // a certificate timestamp was demanded and verified
	Issuer     string
	SAN        string
	Extensions map[string]string
	Statement  *Statement // of a DSSE envelope
}

// SignedAt is the earliest trusted time of the signature, zero when there is none.
func (r *Result) SignedAt() (at time.Time, source string) {
	for _, t := range r.Times {
		if at.IsZero() || t.At.Before(at) {
			at, source = t.At, t.Source
		}
	}
	return at, source
}

// VerifyKey believes the bundle if key made it. With a root it also demands a
// log entry and a trusted time of that deployment.
func (b *Bundle) VerifyKey(key *PublicKey, r *Root, s Subject) (*Result, error) {
	if b.Keyless() {
		return nil, errors.New("the bundle carries a certificate; a key was expected")
	}
	b, err := b.about(key, s)
	if err != nil {
		return nil, err
	}
	v, err := b.verifierFor(key)
	if err != nil {
		return nil, err
	}
	tm := root.TrustedMaterialCollection{keyMaterial(v)}
	opts := []verify.VerifierOption{verify.WithNoObserverTimestamps()}
	if r != nil {
		tm = append(tm, r.material)
		opts = b.demands(demandLog, demandTime)
	}
	res, err := b.verify(tm, opts, verify.WithKey(), s)
	if res != nil {
		res.Logged = r != nil
	}
	return res, err
}

// VerifyIdentity believes the bundle if a certificate of the deployment r,
// issued to id, was valid when the log saw the signature.
func (b *Bundle) VerifyIdentity(id *Identity, r *Root, s Subject) (*Result, error) {
	switch {
	case !b.Keyless():
		return nil, errors.New("the bundle names a key; a certificate was expected")
	case r == nil:
		return nil, errors.New("a certificate needs a trusted root")
	}
	b, err := b.about(nil, s)
	if err != nil {
		return nil, err
	}
	who, err := id.policy(b.without)
	if err != nil {
		return nil, err
	}
	if b.without == demandIdentity {
		who = verify.WithoutIdentitiesUnsafe()
	}
	res, err := b.verify(r.material, b.demands(demandLog, demandTime, demandSCT), who, s)
	if res != nil {
		res.Logged, res.SCT = true, true
	}
	return res, err
}

// verify runs sigstore-go. A panic in it, met with malformed bundles before
// (cosign issue 5045), must not end a daemon that other vendors depend on.
func (b *Bundle) verify(tm root.TrustedMaterial, opts []verify.VerifierOption, who verify.PolicyOption, s Subject) (res *Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, fmt.Errorf("malformed bundle: %v", p)
		}
	}()
	return b.verifyUnguarded(tm, opts, who, s)
}

func (b *Bundle) verifyUnguarded(tm root.TrustedMaterial, opts []verify.VerifierOption, who verify.PolicyOption, s Subject) (*Result, error) {
	v, err := verify.NewVerifier(tm, append(opts, verify.WithoutStatementPredicate())...)
	if err != nil {
		return nil, err
	}
	what, err := b.artifact(s)
	if err != nil {
		return nil, err
	}
	out, err := v.Verify(b.entity, verify.NewPolicy(what, who))
	if err != nil {
		return nil, err
	}
	return b.result(out)
}

func (b *Bundle) artifact(s Subject) (verify.ArtifactPolicyOption, error) {
	if b.without == demandArtifact {
		return verify.WithoutArtifactUnsafe(), nil
	}
	if s.Message != nil {
		return verify.WithArtifact(bytes.NewReader(s.Message)), nil
	}
	h, err := b.Hash(nil)
	if err != nil {
		return nil, err
	}
	if len(s.Digest) != h.Size() {
		return nil, fmt.Errorf("the bundle needs a digest of %d bytes, got %d", h.Size(), len(s.Digest))
	}
	return verify.WithArtifactDigest(hashNames[h], s.Digest), nil
}

func (b *Bundle) result(out *verify.VerificationResult) (*Result, error) {
	res := &Result{}
	for _, t := range out.VerifiedTimestamps {
		source := "tlog"
		if t.Type == "TimestampAuthority" {
			source = "tsa"
		}
		res.Times = append(res.Times, Time{Source: source, At: t.Timestamp.UTC()})
	}
	if out.Signature != nil && out.Signature.Certificate != nil {
		c := *out.Signature.Certificate
		res.Issuer, res.SAN, res.Extensions = c.Issuer, c.SubjectAlternativeName, extensionsOf(c)
	}
	if b.env == nil {
		return res, nil
	}
	var err error
	res.Statement, err = statementOf(b.env)
	return res, err
}

// verifierFor loads the key with the hash that the bundle names, which lets a
// P-384 key sign SHA-256 digests, as older clients do.
func (b *Bundle) verifierFor(key *PublicKey) (signature.Verifier, error) {
	if _, pure := key.Key.(ed25519.PublicKey); pure || b.env != nil {
		return signature.LoadDefaultVerifier(key.Key)
	}
	h, err := b.Hash(key)
	if err != nil {
		return nil, err
	}
	return signature.LoadVerifier(key.Key, h)
}

// keyMaterial offers the one key whatever the bundle's hint says: which keys
// are tried is the caller's choice.
func keyMaterial(v signature.Verifier) root.TrustedMaterial {
	k := root.NewExpiringKey(v, time.Time{}, time.Time{})
	return root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return k, nil })
}

// VerifyDetached checks a signature without a bundle, as openssl and older
// cosign versions write it, over a digest under h.
func VerifyDetached(key *PublicKey, sig []byte, h crypto.Hash, digest []byte) error {
	if _, pure := key.Key.(ed25519.PublicKey); pure {
		return errors.New("a detached ed25519 signature cannot be checked from a digest; use ECDSA P-256 or RSA")
	}
	v, err := signature.LoadVerifier(key.Key, h)
	if err != nil {
		return err
	}
	return v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(nil), options.WithDigest(digest))
}
