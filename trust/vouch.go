package trust

import (
	"fmt"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
)

// vouched is what a verified signature established.
type vouched struct {
	Signer
	vendor   *vendor
	notAfter time.Time // end of the key's or identity's window
	source   string    // of SignedAt: "tlog" or "tsa"; "" when no third party saw it
	logged   bool
	sct      bool
	ext      map[string]string
	root     *rootFile      // the trusted root that was used, nil for a key without one
	said     *sig.Statement // of an attestation
}

// proof is a signature as it was found: a bundle, or a bare signature.
type proof struct {
	path     string // of the bundle, for errors
	bundle   []byte
	detached []byte
	attests  bool // an attestation, which attest-only signers may make
}

// voucher looks for the signer of one document among those of one vendor.
type voucher struct {
	t *Trust
	g *Generation
	v *vendor
	p proof
}

// vouch finds out which signer of v made the proof over the digests in sum.
// Whom to ask and what to demand comes from the vendor file alone.
func (t *Trust) vouch(g *Generation, v *vendor, p proof, sum digests) (*vouched, error) {
	w := voucher{t: t, g: g, v: v, p: p}
	if p.bundle == nil {
		if p.detached == nil {
			return nil, unsigned(p)
		}
		return w.detached(sum)
	}
	b, err := bundleOf(p)
	if err != nil {
		return nil, err
	}
	if b.Keyless() {
		return w.keyless(b, sum)
	}
	return w.byKey(b, sum)
}

func unsigned(p proof) error {
	return refuse(ErrUnsigned, p.path, "no signature beside it", "sign it: `lull pack --key KEY DIR`, or `cosign sign-blob --bundle`")
}

// bundleOf reads the bundle of a proof, of which nothing is verified then.
func bundleOf(p proof) (*sig.Bundle, error) {
	b, err := sig.ParseBundle(p.bundle)
	if err != nil {
		return nil, &Error{Reason: ErrBundle, Path: p.path, Err: err, Remedy: "write it with `cosign sign-blob --bundle`, or `lull pack --key`"}
	}
	if b.IsStatement() != p.attests {
		return nil, refuse(ErrBundle, p.path, "it holds the wrong kind of signature", "sign files with `cosign sign-blob`, and attest with `cosign attest-blob`")
	}
	return b, nil
}

// subject is the digest of the document under the hash that the bundle needs.
func (w voucher) subject(b *sig.Bundle, key *sig.PublicKey, sum digests) (sig.Subject, error) {
	h, err := b.Hash(key)
	if err != nil {
		return sig.Subject{}, because(ErrBundle, w.p.path, "", err)
	}
	return sig.Subject{Digest: sum.of(h)}, nil
}

// byKey tries every key of the vendor, as the bundle's hint is not
// authenticated. Whose signature it is comes first, so that a revoked or
// expired key is called that.
func (w voucher) byKey(b *sig.Bundle, sum digests) (*vouched, error) {
	for i := range w.v.keys {
		k := &w.v.keys[i]
		s, err := w.subject(b, k.pub, sum)
		if err != nil {
			return nil, err
		}
		res, err := b.VerifyKey(k.pub, nil, s)
		if err != nil {
			continue
		}
		return w.acceptKey(k, res, func(r *sig.Root) (*sig.Result, error) { return b.VerifyKey(k.pub, r, s) })
	}
	for _, k := range w.v.keys {
		if b.Names(k.pub) {
			return nil, refuse(ErrSignature, w.p.path, fmt.Sprintf("the bundle names key %s, whose signature this is not", k.ID), "sign the file again: it changed after it was signed")
		}
	}
	return nil, w.stranger("a key that vendor %s does not list", w.v.Name)
}

func (w voucher) stranger(format string, args ...any) error {
	return refuse(ErrUntrustedSigner, w.p.path, "signed by "+fmt.Sprintf(format, args...), "`lull vendor show "+w.v.Name+"` names those who may sign")
}

// detached checks a bare signature, as openssl writes it, with the vendor's
// keys; those that must be logged cannot sign so.
func (w voucher) detached(sum digests) (*vouched, error) {
	for i := range w.v.keys {
		k := &w.v.keys[i]
		for _, h := range detachedHashes {
			if sig.VerifyDetached(k.pub, w.p.detached, h, sum.of(h)) == nil {
				return w.acceptKey(k, &sig.Result{}, nil)
			}
		}
	}
	return nil, w.stranger("nobody vendor %s lists, or the file changed since", w.v.Name)
}

// acceptKey applies what the vendor file says of a key whose signature is good.
func (w voucher) acceptKey(k *vendorKey, res *sig.Result, withRoot func(*sig.Root) (*sig.Result, error)) (*vouched, error) {
	out := &vouched{vendor: w.v, notAfter: k.NotAfter, said: res.Statement}
	out.Signer = Signer{Vendor: w.v.Name, Method: "key", ID: k.ID, KeyType: k.pub.Type, SPKI: k.pub.SPKIHex()}
	if err := w.mayStill(k.ID, k.Revoked, k.AttestOnly); err != nil {
		return nil, err
	}
	if k.Root != "" && w.t.off != defenceLogged {
		if withRoot == nil {
			return nil, refuse(ErrBundle, w.p.path, fmt.Sprintf("key %s must be logged, which a bare signature is not", k.ID), "sign with `cosign sign-blob --bundle`")
		}
		r, err := w.root(k.Root)
		if err != nil {
			return nil, err
		}
		if res, err = withRoot(r.root); err != nil {
			return nil, because(ErrSignature, w.p.path, "root "+k.Root+" does not confirm it", err)
		}
		out.take(res, r)
	}
	return out, w.inWindow(k.ID, k.NotBefore, k.NotAfter, out.SignedAt)
}

// take notes what a deployment confirmed.
func (v *vouched) take(res *sig.Result, r *rootFile) {
	v.SignedAt, v.source = res.SignedAt()
	v.logged, v.sct, v.root, v.said = res.Logged, res.SCT, r, res.Statement
	v.Issuer, v.SAN, v.ext = res.Issuer, res.SAN, res.Extensions
}

// keyless demands the identities that the certificate's unverified claims fit,
// each with its own root.
func (w voucher) keyless(b *sig.Bundle, sum digests) (*vouched, error) {
	s, err := w.subject(b, nil, sum)
	if err != nil {
		return nil, err
	}
	issuer, san, ext := b.Claims()
	var last error
	for i := range w.v.identities {
		id := &w.v.identities[i]
		if !id.who.Matches(issuer, san, ext) {
			continue
		}
		out, err := w.acceptIdentity(id, b, s)
		if err == nil {
			return out, nil
		}
		last = err
	}
	if last != nil {
		return nil, last
	}
	return nil, w.stranger("%q of %q, whom vendor %s does not list", clip(san), clip(issuer), w.v.Name)
}

func (w voucher) acceptIdentity(id *vendorIdentity, b *sig.Bundle, s sig.Subject) (*vouched, error) {
	if err := w.mayStill(id.ID, id.Revoked, id.AttestOnly); err != nil {
		return nil, err
	}
	r, err := w.root(id.Root)
	if err != nil {
		return nil, err
	}
	res, err := b.VerifyIdentity(id.who, r.root, s)
	if err != nil {
		return nil, because(ErrSignature, w.p.path, "root "+id.Root+" does not confirm identity "+id.ID, err)
	}
	out := &vouched{vendor: w.v, notAfter: id.NotAfter}
	out.Signer = Signer{Vendor: w.v.Name, Method: "keyless", ID: id.ID}
	out.take(res, r)
	return out, w.inWindow(id.ID, id.NotBefore, id.NotAfter, out.SignedAt)
}

// mayStill refuses a signer that was revoked, or that may only attest.
func (w voucher) mayStill(id string, revoked, attestOnly bool) error {
	if w.t.off != defenceRevoked {
		if revoked {
			return refuse(ErrRevoked, w.v.File, fmt.Sprintf("%s of vendor %s", id, w.v.Name), "the vendor must sign again with another key")
		}
		if r, gone := revokes(w.g.revoked, w.v.Name, id); gone {
			return refuse(ErrRevoked, "", fmt.Sprintf("%s of vendor %s, on %s: %s", id, w.v.Name, r.Time.Format(time.DateOnly), r.Reason), "the vendor must sign again with another key")
		}
	}
	if attestOnly && !w.p.attests && w.t.off != defenceAttestOnly {
		return refuse(ErrUntrustedSigner, w.p.path, fmt.Sprintf("%s may attest, but not sign packages or updates", id), "sign with another key of the vendor")
	}
	return nil
}

func (w voucher) root(name string) (*rootFile, error) {
	r := w.g.roots[name]
	if r == nil {
		return nil, refuse(ErrRoot, w.v.File, fmt.Sprintf("root %q is not in roots.d", name), "add "+name+".json, or run `lull trust refresh`")
	}
	if r.broken != nil {
		return nil, r.broken
	}
	return r, nil
}

// inWindow compares the time of the signature with the window of its signer:
// the time that a third party saw, or else now, so that an expired key without
// timestamps vouches for nothing any more.
func (w voucher) inWindow(id string, from, to, signed time.Time) error {
	if w.t.off == defenceWindow {
		return nil
	}
	at, when := signed, "signed at"
	if signed.IsZero() {
		at, when = w.t.now(), "it is"
	}
	text := fmt.Sprintf("%s of vendor %s: %s %s", id, w.v.Name, when, at.UTC().Format(time.RFC3339))
	switch {
	case !from.IsZero() && at.Before(from):
		return refuse(ErrNotYetValid, w.v.File, text+", valid from "+from.Format(time.RFC3339), "check the clock, and not_before in the vendor file")
	case !to.IsZero() && !at.Before(to):
		return refuse(ErrExpired, w.v.File, text+", valid until "+to.Format(time.RFC3339), "the vendor must sign again with a current key")
	}
	return nil
}
