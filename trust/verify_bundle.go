package trust

import (
	"context"
	"crypto"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
)

// VerifyOptions is one question: did this signer sign this file? Exactly one of
// File and Digest, and exactly one of Key and an identity, is given: neither
// the artifact nor the signer can be forgotten.
type VerifyOptions struct {
	File   string // the signed file, or
	Digest string // its digest, as "sha256:HEX" (or sha384, sha512)

	Bundle    string // sigstore bundle, or
	Signature string // a bare signature, with Key only

	Key            string            // PEM public key
	Identity       string            // exact certificate subject, or
	IdentityRegexp string            // expression, anchored at both ends
	Issuer         string            // exact OIDC issuer
	Extensions     map[string]string // exact Fulcio extensions

	TrustedRoots []string // trusted_root.json files; for a certificate one of them must confirm it
	RootDirs     []string // roots.d directories, used for a certificate when TrustedRoots is empty
	BaseDir      string   // their ownership is checked from here downward; default "/"
	Unprivileged bool     // their files may belong to the current user instead of root
}

// VerifyResult is what a verification established.
type VerifyResult struct {
	Verified      bool              `json:"verified"`
	File          string            `json:"file,omitempty"`
	Digest        string            `json:"digest"` // "sha256:HEX" of the file
	Method        string            `json:"method"` // "key" or "keyless"
	Format        string            `json:"format"` // "bundle" or "signature"
	KeyType       string            `json:"key_type,omitempty"`
	SPKI          string            `json:"spki_sha256,omitempty"`
	Issuer        string            `json:"issuer,omitempty"`
	SAN           string            `json:"san,omitempty"`
	Extensions    map[string]string `json:"extensions,omitempty"`
	Tlog          bool              `json:"tlog"`
	SCT           bool              `json:"sct"`
	SignedAt      *time.Time        `json:"signed_at,omitempty"` // earliest trusted time
	TimeSource    string            `json:"time_source,omitempty"`
	Root          string            `json:"root,omitempty"`
	PredicateType string            `json:"predicate_type,omitempty"` // of an attestation
	Subject       string            `json:"subject,omitempty"`
}

// maxPure is the largest file that is read whole, which only Ed25519 needs.
const maxPure = 32 << 20

// VerifyBundle answers `lull verify`: offline, without a vendor file. A
// certificate must carry a log entry, a certificate timestamp and a trusted
// time; a key-signed bundle needs log entry and time where a root is given.
// The error is ErrSignature, ErrUntrustedSigner, ErrBundle, ErrRoot or ErrIO, or
// ErrQuestion where o leaves open what or whom it asks about.
func VerifyBundle(ctx context.Context, o VerifyOptions) (*VerifyResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	q := &question{VerifyOptions: o}
	if err := q.load(); err != nil {
		return nil, err
	}
	if err := q.hashFile(ctx); err != nil {
		return nil, err
	}
	res := &VerifyResult{File: o.File, Digest: q.digestText(), Format: "bundle", Method: "key"}
	var err error
	switch {
	case q.bare != nil:
		res.Format = "signature"
		err = q.bareSignature(ctx, res)
	case q.identity != nil:
		err = q.byIdentity(res)
	default:
		err = q.byKey(res)
	}
	if err != nil {
		return nil, err
	}
	res.Verified = true
	return res, nil
}

// check refuses a question that leaves open what or whom it asks about.
func (o VerifyOptions) check() error {
	wrong := func(what string) error { return refuse(ErrQuestion, "", what, "see `lull verify --help`") }
	named := o.Identity != "" || o.IdentityRegexp != ""
	switch {
	case (o.File == "") == (o.Digest == ""):
		return wrong("give a file or a digest")
	case o.Digest != "" && !digestForm(o.Digest):
		return refuse(ErrQuestion, "", fmt.Sprintf("%q is not a digest", clip(o.Digest)), "write it as sha256:HEX, 64 hexadecimal digits")
	case (o.Bundle == "") == (o.Signature == ""):
		return wrong("give --bundle or --signature")
	case (o.Key == "") == !named:
		return wrong("give --key, or --certificate-identity and --certificate-oidc-issuer")
	case o.Key != "" && (o.Issuer != "" || len(o.Extensions) > 0):
		return wrong("a key has no issuer and no extensions; leave out --key, or --certificate-oidc-issuer and --certificate-extension")
	case named && o.Issuer == "":
		return wrong("give --certificate-oidc-issuer too")
	case named && o.Signature != "":
		return wrong("a certificate comes in a bundle; give --bundle")
	case o.Signature != "" && len(o.TrustedRoots) > 0:
		return wrong("a bare signature has no log entry; leave out --trusted-root")
	}
	return nil
}

// question is a VerifyOptions with its files read.
type question struct {
	VerifyOptions
	bundle   *sig.Bundle
	bare     []byte
	key      *sig.PublicKey
	identity *sig.Identity
	roots    []*rootFile
	blind    error // a root of roots.d that could not be asked
	hash     crypto.Hash
	subject  sig.Subject
}

func (q *question) load() error {
	for _, step := range []func() error{q.loadSigner, q.loadSignature, q.loadRoots} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (q *question) loadSignature() error {
	if q.Signature != "" {
		data, err := readRegular(q.Signature, 64<<10)
		q.bare = bareSignature(data)
		q.hash = crypto.SHA256
		for h, name := range hashNames {
			if strings.HasPrefix(q.Digest, name+":") {
				q.hash = h
			}
		}
		return err
	}
	data, err := readRegular(q.Bundle, maxBundle)
	if err != nil {
		return err
	}
	if q.bundle, err = sig.ParseBundle(data); err != nil {
		return because(ErrBundle, q.Bundle, "", err)
	}
	q.hash, err = q.bundle.Hash(q.key)
	if err != nil {
		return because(ErrBundle, q.Bundle, "", err)
	}
	return nil
}

func (q *question) loadSigner() (err error) {
	if q.Key == "" {
		q.identity, err = sig.NewIdentity(q.Issuer, q.Identity, q.IdentityRegexp, q.Extensions)
		if err != nil {
			return because(ErrUntrustedSigner, "", "the identity asked for", err)
		}
		return nil
	}
	data, err := readRegular(q.Key, 64<<10)
	if err != nil {
		return err
	}
	if q.key, err = sig.ParsePublicKey(data); err != nil {
		return because(ErrUntrustedSigner, q.Key, "the public key", err)
	}
	return nil
}

func (q *question) loadRoots() error {
	paths := q.TrustedRoots
	found := len(paths) == 0 && q.identity != nil
	if found {
		paths = rootPaths(q.RootDirs)
		if len(paths) == 0 {
			return refuse(ErrRoot, "", "a certificate needs a trusted root, and roots.d has none", "give --trusted-root FILE, or run `lull trust refresh`")
		}
	}
	for _, path := range paths {
		r, err := q.readRoot(path, found)
		if err != nil && found {
			q.blind = err // another one may confirm it
			continue
		}
		if err != nil {
			return err
		}
		q.roots = append(q.roots, r)
	}
	return nil
}

// rootPaths lists the trusted roots of directories, where a higher directory
// hides a lower file of the same name.
func rootPaths(dirs []string) []string {
	files := map[string]string{}
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") {
				files[e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	var out []string
	for _, name := range sortedKeys(files) {
		if !masked(files[name]) {
			out = append(out, files[name])
		}
	}
	return out
}

// readRoot believes a root that was found only if nobody else could have put it
// there; one that was given is the caller's word.
func (q *question) readRoot(path string, found bool) (*rootFile, error) {
	read := readRegular
	if found {
		own := owners{base: rootOf(path), unprivileged: q.Unprivileged}
		if q.BaseDir != "" {
			own.base = q.BaseDir
		}
		read = own.readFile
	}
	data, err := read(path, sig.MaxRoot)
	if err != nil {
		return nil, err
	}
	r, err := sig.ParseRoot(data)
	if err != nil {
		return nil, because(ErrRoot, path, "", err)
	}
	return &rootFile{name: strings.TrimSuffix(filepath.Base(path), ".json"), path: path, root: r}, nil
}

// hashFile reads the file once, with the hash that the signature needs.
func (q *question) hashFile(ctx context.Context) error {
	if q.File == "" {
		return q.parseDigest()
	}
	f, err := os.OpenFile(q.File, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return &Error{Reason: ErrIO, Path: q.File, Err: cause(err)}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return refuse(ErrNotRegular, q.File, "", "give a plain file")
	}
	if q.key != nil && q.key.Type == "ed25519" && !q.isStatement() {
		if q.subject.Message, err = readOpen(f, q.File, maxPure); err != nil {
			return err
		}
		q.subject.Digest = digests{doc: q.subject.Message}.of(q.hash)
		return nil
	}
	readAhead(f.Fd())
	if q.subject.Digest, _, err = hashAll(ctx, f, q.hash); err != nil {
		return &Error{Reason: ErrIO, Path: q.File, Err: cause(err)}
	}
	return nil
}

func (q *question) isStatement() bool { return q.bundle != nil && q.bundle.IsStatement() }

var hashNames = map[crypto.Hash]string{crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}

// digestForm tells whether s is "sha256:HEX", "sha384:HEX" or "sha512:HEX" of the
// right length.
func digestForm(s string) bool {
	name, text, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(text)
	for hash, known := range hashNames {
		if name == known {
			return err == nil && len(b) == hash.Size()
		}
	}
	return false
}

func (q *question) digestText() string {
	return hashNames[q.hash] + ":" + hex.EncodeToString(q.subject.Digest)
}

func (q *question) parseDigest() error {
	name, text, ok := strings.Cut(q.Digest, ":")
	digest, err := hex.DecodeString(text)
	if !ok || err != nil || name != hashNames[q.hash] || len(digest) != q.hash.Size() {
		return refuse(ErrBundle, "", fmt.Sprintf("the signature is over a %s digest", hashNames[q.hash]), "give the file itself, or its "+hashNames[q.hash]+" digest")
	}
	q.subject.Digest = digest
	return nil
}

// bareSignature tries one hash after the other, as such a signature does not
// say which it is over; the file is read again only where SHA-256 was not it.
func (q *question) bareSignature(ctx context.Context, res *VerifyResult) error {
	res.KeyType, res.SPKI = q.key.Type, q.key.SPKIHex()
	err := sig.VerifyDetached(q.key, q.bare, q.hash, q.subject.Digest)
	if err == nil || q.File == "" || q.key.Type == "ed25519" {
		return q.asBare(err)
	}
	for _, q.hash = range detachedHashes[1:] {
		if err := q.hashFile(ctx); err != nil {
			return err
		}
		if sig.VerifyDetached(q.key, q.bare, q.hash, q.subject.Digest) == nil {
			res.Digest = q.digestText()
			return nil
		}
	}
	return q.asBare(err)
}

func (q *question) asBare(err error) error {
	if err == nil {
		return nil
	}
	return because(ErrSignature, q.Signature, "", err)
}

func (q *question) byKey(res *VerifyResult) error {
	res.KeyType, res.SPKI = q.key.Type, q.key.SPKIHex()
	if q.bundle.Keyless() {
		issuer, san, _ := q.bundle.Claims()
		return refuse(ErrUntrustedSigner, q.Bundle, fmt.Sprintf("signed with a certificate that claims to be %q of %q, not with a key", clip(san), clip(issuer)), "give --certificate-identity and --certificate-oidc-issuer")
	}
	if len(q.roots) == 0 {
		out, err := q.bundle.VerifyKey(q.key, nil, q.subject)
		return q.take(res, nil, out, err)
	}
	return q.anyRoot(res, func(r *sig.Root) (*sig.Result, error) { return q.bundle.VerifyKey(q.key, r, q.subject) })
}

func (q *question) byIdentity(res *VerifyResult) error {
	res.Method = "keyless"
	if !q.bundle.Keyless() {
		return refuse(ErrUntrustedSigner, q.Bundle, "signed with a key, not with a certificate", "give --key")
	}
	if issuer, san, ext := q.bundle.Claims(); !q.identity.Matches(issuer, san, ext) {
		return refuse(ErrUntrustedSigner, q.Bundle, fmt.Sprintf("the certificate claims to be %q of %q", clip(san), clip(issuer)), "compare it with the identity you asked for")
	}
	return q.anyRoot(res, func(r *sig.Root) (*sig.Result, error) { return q.bundle.VerifyIdentity(q.identity, r, q.subject) })
}

// anyRoot asks each deployment in turn; one that confirms everything is enough.
func (q *question) anyRoot(res *VerifyResult, ask func(*sig.Root) (*sig.Result, error)) error {
	var why []string
	for _, r := range q.roots {
		out, err := ask(r.root)
		if err == nil {
			return q.take(res, r, out, nil)
		}
		why = append(why, fmt.Sprintf("root %s does not confirm it: %v", r.name, err))
	}
	if q.blind != nil {
		return q.blind // nobody knows what that one would have said
	}
	return refuse(ErrSignature, q.Bundle, strings.Join(why, "; "), "give the trusted root of the deployment that it was signed with")
}

func (q *question) take(res *VerifyResult, r *rootFile, out *sig.Result, err error) error {
	if err != nil {
		return because(ErrSignature, q.Bundle, "", err)
	}
	if r != nil {
		res.Root = r.name
	}
	if at, source := out.SignedAt(); !at.IsZero() {
		res.SignedAt, res.TimeSource = &at, source
	}
	res.Tlog, res.SCT, res.Issuer, res.SAN, res.Extensions = out.Logged, out.SCT, out.Issuer, out.SAN, out.Extensions
	if s := out.Statement; s != nil {
		return q.takeStatement(res, s)
	}
	return nil
}

// takeStatement names the subject whose digest was asked for.
func (q *question) takeStatement(res *VerifyResult, s *sig.Statement) error {
	want := hex.EncodeToString(q.subject.Digest)
	i := slices.IndexFunc(s.Subject, func(t sig.Thing) bool { return t.Digest[hashNames[q.hash]] == want })
	if i < 0 {
		return refuse(ErrSignature, q.Bundle, "the attestation is about something else", "give the file that it is about")
	}
	res.PredicateType, res.Subject = s.PredicateType, s.Subject[i].Name
	return nil
}
