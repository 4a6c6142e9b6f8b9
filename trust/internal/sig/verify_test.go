package sig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/lullhq/lull/trust/internal/sigtest"
	"github.com/sigstore/sigstore-go/pkg/testing/data"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
)

const (
	issuer   = "https://token.actions.githubusercontent.com"
	workflow = "https://github.com/example/reader/.github/workflows/release.yml@refs/tags/v1.0.0"
)

func sha(b []byte) Subject { s := sha256.Sum256(b); return Subject{Digest: s[:]} }

func identity(t testing.TB, san, re string) *Identity {
	t.Helper()
	id, err := NewIdentity(issuer, san, re, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func parsed(t testing.TB, b []byte) *Bundle {
	t.Helper()
	out, err := ParseBundle(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rootOf(t testing.TB, s *sigtest.Sigstore) *Root {
	t.Helper()
	r, err := ParseRoot(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAKeylessSignatureIsBelievedWithItsRoot(t *testing.T) {
	s := sigtest.New(t)
	file := []byte("a file")
	b := parsed(t, s.Sign(workflow, issuer, file))
	res, err := b.VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), sha(file))
	if err != nil {
		t.Fatal(err)
	}
	if at, source := res.SignedAt(); at.IsZero() || source == "" || !res.Logged || !res.SCT || res.SAN != workflow || res.Issuer != issuer {
		t.Errorf("got %+v", res)
	}
}

// TestKeylessSignaturesThatMustNotBeBelieved holds the lessons of notes/trust.md
// section 5: each entry breaks one link of the chain.
func TestKeylessSignaturesThatMustNotBeBelieved(t *testing.T) {
	s, other := sigtest.New(t), sigtest.New(t)
	file := []byte("a file")
	good := s.Parts(workflow, issuer, file)
	foreign := s.Parts(workflow, issuer, []byte("another file"))
	change := func(f func(b *protobundle.Bundle)) *protobundle.Bundle {
		b := proto.Clone(good).(*protobundle.Bundle)
		f(b)
		return b
	}
	tests := map[string]struct {
		bundle *protobundle.Bundle
		id     *Identity
		root   *Root
		file   []byte
	}{
		"another file":              {bundle: good, file: []byte("other bytes")},
		"another subject":           {bundle: good, id: identity(t, "https://github.com/evil/x", "")},
		"a prefix is not enough":    {bundle: good, id: identity(t, "", `https://github\.com/example/reader/`)},
		"a suffix is not enough":    {bundle: good, id: identity(t, "", `@refs/tags/v1\.0\.0`)},
		"another deployment's root": {bundle: good, root: rootOf(t, other)},
		"no log entry":              {bundle: change(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries = nil })},
		"a log entry of another file": {bundle: change(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries = foreign.VerificationMaterial.TlogEntries
		})},
		"a signature of another file": {bundle: change(func(b *protobundle.Bundle) {
			b.GetMessageSignature().Signature = foreign.GetMessageSignature().Signature
		})},
		"a certificate of another file": {bundle: change(func(b *protobundle.Bundle) { b.VerificationMaterial.Content = foreign.VerificationMaterial.Content })},
		"a log entry of another deployment": {bundle: change(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries = other.Parts(workflow, issuer, file).VerificationMaterial.TlogEntries
		})},
		"a timestamp of another deployment": {bundle: change(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TimestampVerificationData = other.Parts(workflow, issuer, file).VerificationMaterial.TimestampVerificationData
			for _, e := range b.VerificationMaterial.TlogEntries {
				e.IntegratedTime = 0
			}
		})},
		"a log entry without its proof": {bundle: change(func(b *protobundle.Bundle) {
			for _, e := range b.VerificationMaterial.TlogEntries {
				e.InclusionProof = nil
			}
		})},
		"33 log entries": {bundle: change(func(b *protobundle.Bundle) {
			for range 33 {
				b.VerificationMaterial.TlogEntries = append(b.VerificationMaterial.TlogEntries, good.VerificationMaterial.TlogEntries...)
			}
		})},
		"a digest of another algorithm": {bundle: change(func(b *protobundle.Bundle) { b.GetMessageSignature().MessageDigest.Algorithm = 2 })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := ParseBundle(sigtest.JSON(t, tt.bundle))
			if err != nil {
				return // refused even earlier
			}
			if tt.id == nil {
				tt.id = identity(t, workflow, "")
			}
			if tt.root == nil {
				tt.root = rootOf(t, s)
			}
			if tt.file == nil {
				tt.file = file
			}
			if res, err := b.VerifyIdentity(tt.id, tt.root, sha(tt.file)); err == nil {
				t.Errorf("believed: %+v", res)
			}
		})
	}
}

func TestExtensionsOfTheCertificateMustMatch(t *testing.T) {
	s := sigtest.New(t)
	b := parsed(t, s.Sign(workflow, issuer, []byte("x"))) // from a github-hosted runner
	for runner, want := range map[string]bool{"github-hosted": true, "self-hosted": false} {
		id, err := NewIdentity(issuer, workflow, "", map[string]string{"runnerEnvironment": runner})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.VerifyIdentity(id, rootOf(t, s), sha([]byte("x"))); (err == nil) != want {
			t.Errorf("%s: got %v, want believed %v", runner, err, want)
		}
		if got := id.Matches(b.Claims()); got != want {
			t.Errorf("%s: Matches = %v", runner, got)
		}
	}
}

func TestBadIdentitiesAreRefused(t *testing.T) {
	for name, make := range map[string]func() (*Identity, error){
		"no issuer":            func() (*Identity, error) { return NewIdentity("", "x", "", nil) },
		"no subject":           func() (*Identity, error) { return NewIdentity(issuer, "", "", nil) },
		"two subjects":         func() (*Identity, error) { return NewIdentity(issuer, "x", "y", nil) },
		"a bad expression":     func() (*Identity, error) { return NewIdentity(issuer, "", "(", nil) },
		"an all-match":         func() (*Identity, error) { return NewIdentity(issuer, "", ".*", nil) },
		"an empty alternative": func() (*Identity, error) { return NewIdentity(issuer, "", "a|", nil) },
		"an unknown extension": func() (*Identity, error) { return NewIdentity(issuer, "x", "", map[string]string{"nope": "y"}) },
		"an extension in caps": func() (*Identity, error) {
			return NewIdentity(issuer, "x", "", map[string]string{"RunnerEnvironment": "y"})
		},
		"the issuer as another": func() (*Identity, error) { return NewIdentity(issuer, "x", "", map[string]string{"issuer": "y"}) },
	} {
		if _, err := make(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestPublishedBundles verifies what others signed, offline, with the trusted
// roots that were published for it.
func TestPublishedBundles(t *testing.T) {
	publicGood, err := data.TrustedRoot(t, "public-good.json").MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRoot(publicGood)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := data.Bundle(t, "sigstore.js@2.0.0-provenance.sigstore.json").MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	b := parsed(t, raw)
	said, err := PeekStatement(raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("subject %s, predicate %s", said.Subject[0].Name, said.PredicateType)
	iss, san, _ := b.Claims()
	if iss != issuer || !strings.HasPrefix(san, "https://github.com/sigstore/sigstore-js/") {
		t.Errorf("got claims %q %q", iss, san)
	}
	digest, err := hex.DecodeString(said.Subject[0].Digest["sha512"])
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.VerifyIdentity(identity(t, san, ""), r, Subject{Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := res.SignedAt(); at.Year() != 2023 || !res.Logged || !res.SCT || res.Statement.PredicateType != said.PredicateType {
		t.Errorf("got %+v", res)
	}
	digest[0] ^= 1
	if _, err := b.VerifyIdentity(identity(t, san, ""), r, Subject{Digest: digest}); err == nil {
		t.Error("believed for another file")
	}
	if _, err := b.VerifyIdentity(identity(t, "", `https://github\.com/sigstore/sigstore-js/`), r, Subject{Digest: digest}); err == nil {
		t.Error("a part of the name was enough")
	}
}

func TestKeysOfEveryKindSignAndVerify(t *testing.T) {
	file := []byte("a file")
	for name, make := range map[string]func() (crypto.Signer, error){
		"ecdsa-p256": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"ecdsa-p384": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"rsa-2048":   func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"rsa-3072":   func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 3072) },
	} {
		t.Run(name, func(t *testing.T) {
			key, err := make()
			if err != nil {
				t.Fatal(err)
			}
			pub, err := NewPublicKey(key.Public())
			if err != nil || pub.Type != name {
				t.Fatalf("got %+v, %v", pub, err)
			}
			raw, err := SignBlob(t.Context(), key, file)
			if err != nil {
				t.Fatal(err)
			}
			b := parsed(t, raw)
			h, err := b.Hash(pub)
			if err != nil {
				t.Fatal(err)
			}
			w := h.New()
			w.Write(file)
			if _, err := b.VerifyKey(pub, nil, Subject{Digest: w.Sum(nil)}); err != nil {
				t.Error(err)
			}
			if !b.Names(pub) {
				t.Error("the bundle does not name its key")
			}
			w.Write([]byte("!"))
			if _, err := b.VerifyKey(pub, nil, Subject{Digest: w.Sum(nil)}); err == nil {
				t.Error("believed for another file")
			}
		})
	}
}

func TestWeakOrStrangeKeysAreRefused(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go refuses to make weak keys: " + err.Error())
	}
	text, err := cryptoutils.MarshalPublicKeyToPEM(weak.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"RSA of 1024 bits": text, "a private key": private, "two keys": append(public, public...), "nothing": nil, "text": []byte("key"),
	} {
		if _, err := ParsePublicKey(data); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPrivateKeysAreReadInEveryUsualForm(t *testing.T) {
	private, _, err := GenerateKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(private); block.Type != "ENCRYPTED SIGSTORE PRIVATE KEY" {
		t.Errorf("got PEM type %q", block.Type)
	}
	if _, err := ParsePrivateKey(private, func() ([]byte, error) { return []byte("secret"), nil }); err != nil {
		t.Error(err)
	}
	if _, err := ParsePrivateKey(private, func() ([]byte, error) { return []byte("wrong"), nil }); err == nil || !strings.Contains(err.Error(), "wrong password") {
		t.Errorf("got %v", err)
	}
	if _, err := ParsePrivateKey(private, nil); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("got %v", err)
	}
}

// TestEveryVersionOfTheFormatIsRead: 0.1 comes with a chain of certificates and
// a promise of the log, 0.3 with the one certificate and a proof.
func TestEveryVersionOfTheFormatIsRead(t *testing.T) {
	s := sigtest.New(t)
	private, public, err := GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParsePrivateKey(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := SignBlob(t.Context(), signer, theFile)
	if err != nil {
		t.Fatal(err)
	}
	for media, want := range map[string]bool{
		"application/vnd.dev.sigstore.bundle+json;version=0.1": true,
		"application/vnd.dev.sigstore.bundle+json;version=0.2": true,
		"application/vnd.dev.sigstore.bundle+json;version=0.3": true,
		"application/vnd.dev.sigstore.bundle.v0.3+json":        true,
		"application/vnd.dev.sigstore.bundle.v0.4+json":        false,
		"application/json": false,
		"":                 false,
	} {
		t.Run(media, func(t *testing.T) {
			parts := s.Parts(workflow, issuer, theFile)
			parts.MediaType = media
			if strings.HasSuffix(media, "0.1") || strings.HasSuffix(media, "0.2") {
				cert := parts.VerificationMaterial.GetCertificate()
				parts.VerificationMaterial.Content = &protobundle.VerificationMaterial_X509CertificateChain{
					X509CertificateChain: &protocommon.X509CertificateChain{Certificates: []*protocommon.X509Certificate{cert}}}
			}
			if err := believes(t, sigtest.JSON(t, parts), s, sha(theFile)); (err == nil) != want {
				t.Errorf("a certificate's: %v, want believed %v", err, want)
			}
			if err := believes(t, sigtest.JSON(t, parts), s, sha([]byte("another file"))); err == nil {
				t.Error("a certificate's: believed for another file")
			}
			var b protobundle.Bundle
			if err := protojson.Unmarshal(raw, &b); err != nil {
				t.Fatal(err)
			}
			b.MediaType = media
			byKey, err := ParseBundle(sigtest.JSON(t, &b))
			if err == nil {
				_, err = byKey.VerifyKey(pub, nil, sha(theFile))
			}
			if (err == nil) != want {
				t.Errorf("a key's: %v, want believed %v", err, want)
			}
		})
	}
}
