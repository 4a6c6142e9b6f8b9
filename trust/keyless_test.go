package trust

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
	"github.com/lullhq/lull/trust/internal/sigtest"
)

const (
	gitHub   = "https://token.actions.githubusercontent.com"
	workflow = "https://github.com/example/reader/.github/workflows/release.yml@refs/tags/v3.1.0"
)

// keylessWorld is a machine whose vendor signs with certificates of a
// deployment. Certificates are short-lived, so its time is the real one.
func keylessWorld(t testing.TB) (*world, *sigtest.Sigstore) {
	w := newWorld(t)
	s := sigtest.New(t)
	w.now = time.Now()
	w.write("roots/corp.json", string(s.Root()))
	w.write("etc/example.yaml", strings.Replace(vendorYAML, `keys:
  - {id: "2027", pem_file: example.pub, not_before: 2027-01-01T00:00:00Z, not_after: 2028-01-01T00:00:00Z}`, `identities:
  - id: release
    root: corp
    certificate_oidc_issuer: "`+gitHub+`"
    certificate_identity_regexp: 'https://github\.com/example/reader/\.github/workflows/release\.yml@refs/tags/v[0-9.]+'
    extensions: {runnerEnvironment: github-hosted}
  - {id: auditor, root: corp, certificate_oidc_issuer: "https://accounts.example", certificate_identity: "https://auditor.example", attest_only: true}`, 1))
	w.Reload()
	return w, s
}

// packKeyless packs a package and signs it with a certificate.
func (w *world) packKeyless(s *sigtest.Sigstore, identity, issuer string) string {
	w.t.Helper()
	dir := w.packWith("a", w.manifest("3.1.0"), "")
	w.write("pkg/a/manifest.json.sigstore.json", string(s.Sign(identity, issuer, []byte(w.read("pkg/a/manifest.json")))))
	return dir
}

func TestAKeylessPackageIsAdmitted(t *testing.T) {
	w, s := keylessWorld(t)
	p, err := w.Admit(context.Background(), w.packKeyless(s, workflow, gitHub))
	if err != nil {
		t.Fatal(err)
	}
	_, told, err := w.Check(context.Background(), p, "scan", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	signature := told["signature"].(map[string]any)
	identity := signature["identity"].(map[string]any)
	if signature["method"] != "keyless" || signature["tlog"] != true || signature["sct"] != true || identity["san"] != workflow {
		t.Errorf("got %v", signature)
	}
	if told["root"].(map[string]any)["name"] != "corp" || told["time"].(map[string]any)["source"] == "document" {
		t.Errorf("got root %v, time %v", told["root"], told["time"])
	}
}

func TestKeylessPackagesOfOthersAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		san, issuer, code string
		edit              func(w *world, s *sigtest.Sigstore)
	}{
		"another repository":         {san: "https://github.com/evil/reader/.github/workflows/release.yml@refs/tags/v3.1.0", code: "untrusted_signer"},
		"ours as a suffix of theirs": {san: "https://github.com/evil/x@refs/heads/" + workflow, code: "untrusted_signer"},
		"ours as a prefix of theirs": {san: workflow + "-evil", code: "untrusted_signer"},
		"another issuer":             {issuer: "https://evil.example", code: "untrusted_signer"},
		"an auditor, who may not":    {san: "https://auditor.example", issuer: "https://accounts.example", code: "untrusted_signer"},
		"a deployment unknown here":  {code: "bad_signature", edit: func(w *world, s *sigtest.Sigstore) { w.write("roots/corp.json", string(sigtest.New(w.t).Root())) }},
		"a root that is missing":     {code: "root_unavailable", edit: func(w *world, s *sigtest.Sigstore) { w.write("roots/corp.json", "") }},
		"a root that is broken":      {code: "root_unavailable", edit: func(w *world, s *sigtest.Sigstore) { w.write("roots/corp.json", "{}x") }},
		"a revoked identity":         {code: "revoked", edit: func(w *world, s *sigtest.Sigstore) { w.Revoke("example", "release", "moved") }},
		"a window that is over": {code: "expired", edit: func(w *world, s *sigtest.Sigstore) {
			w.vendor("    root: corp", "    not_after: 2026-01-02T00:00:00Z\n    root: corp")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := keylessWorld(t)
			if tt.san == "" {
				tt.san = workflow
			}
			if tt.issuer == "" {
				tt.issuer = gitHub
			}
			dir := w.packKeyless(s, tt.san, tt.issuer)
			if tt.edit != nil {
				tt.edit(w, s)
				w.Reload()
			}
			_, err := w.Admit(context.Background(), dir)
			wantCode(t, err, tt.code)
		})
	}
}

// statement says something about one file of the package in pkg/a.
func (w *world) statement(name, digest, predicateType string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%q,"digest":{"sha256":%q}}],"predicateType":%q,"predicate":{"builder":{"id":"https://builder.example"}}}`, name, digest, predicateType)
}

const slsa = "https://slsa.dev/provenance/v1"

func TestAttestationsReachPolicy(t *testing.T) {
	w, s := keylessWorld(t)
	dir := w.packKeyless(s, workflow, gitHub)
	digest := hexDigest([]byte(w.read("pkg/a/manifest.json")))
	w.write("pkg/a/provenance.intoto.sigstore.json", string(s.Attest(workflow, gitHub, w.statement("manifest.json", digest, slsa))))
	w.write("pkg/a/audit.intoto.sigstore.json", string(s.Attest("https://auditor.example", "https://accounts.example", w.statement("bin/updater", hexDigest([]byte(program)), slsa))))
	p, err := w.Admit(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, told, err := w.Check(context.Background(), p, "scan", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := told["attestations"].([]any)
	if len(list) != 2 {
		t.Fatalf("got %v", list)
	}
	first := list[0].(map[string]any)
	if first["subject"] != "bin/updater" || first["signer"].(map[string]any)["id"] != "auditor" || first["predicate"] == nil {
		t.Errorf("got %v", first)
	}
}

var badAttestations = map[string]struct {
	statement func(w *world) []byte
	code      string
}{
	"about another file":            {func(w *world) []byte { return w.statement("manifest.json", hexDigest([]byte("x")), slsa) }, "bad_attestation"},
	"with the digest, another name": {func(w *world) []byte { return w.statement("uninstall.bin", hexDigest([]byte(program)), slsa) }, "bad_attestation"},
	"of a type nobody asked for": {func(w *world) []byte {
		return w.statement("bin/updater", hexDigest([]byte(program)), "https://cosign.sigstore.dev/attestation/v1")
	}, "bad_attestation"},
	"that is no statement": {func(w *world) []byte { return []byte(`{"hello": "world"}`) }, "bad_attestation"},
	"with a key twice": {func(w *world) []byte {
		return append([]byte(`{"predicateType":"x",`), w.statement("bin/updater", hexDigest([]byte(program)), slsa)[1:]...)
	}, "bad_attestation"},
	"with 1025 subjects": {func(w *world) []byte {
		one := map[string]any{"name": "bin/updater", "digest": map[string]any{"sha256": hexDigest([]byte(program))}}
		list := make([]any, 1025)
		for i := range list {
			list[i] = one
		}
		data, _ := json.Marshal(map[string]any{"_type": "https://in-toto.io/Statement/v1", "subject": list, "predicateType": slsa})
		return data
	}, "bad_attestation"},
}

func TestBadAttestationsSpoilThePackage(t *testing.T) {
	for name, tt := range badAttestations {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := w.pack("a", w.manifest("3.1.0"))
			w.attest("pkg/a/x.intoto.sigstore.json", "example", tt.statement(w))
			_, err := w.Admit(context.Background(), dir)
			wantCode(t, err, tt.code, "x.intoto.sigstore.json")
		})
	}
}

func TestAnAttestationOfAStrangerSpoilsThePackage(t *testing.T) {
	w := newWorld(t)
	w.key("stranger")
	dir := w.pack("a", w.manifest("3.1.0"))
	w.attest("pkg/a/x.intoto.sigstore.json", "stranger", w.statement("bin/updater", hexDigest([]byte(program)), slsa))
	_, err := w.Admit(context.Background(), dir)
	wantCode(t, err, "untrusted_signer")
}

func (w *world) attest(name, key string, statement []byte) {
	w.t.Helper()
	signer, err := sig.ParsePrivateKey([]byte(w.read("keys/"+key+".key")), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	bundle, err := sig.SignStatement(context.Background(), signer, statement)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name, string(bundle))
}

// TestSeveralDeploymentsAreAskedOneByOne: public good and private ones lie side
// by side; each vouches for its own signers only.
func TestSeveralDeploymentsAreAskedOneByOne(t *testing.T) {
	w, s := keylessWorld(t)
	other := sigtest.New(t)
	w.write("roots/a-first.json", string(other.Root()))
	w.write("roots/z-last.json", string(other.Root()))
	w.Reload()
	if _, err := w.Admit(t.Context(), w.packKeyless(s, workflow, gitHub)); err != nil {
		t.Errorf("the vendor's own deployment: %v", err)
	}
	_, err := w.Admit(t.Context(), w.packKeyless(other, workflow, gitHub))
	wantCode(t, err, "bad_signature", "root corp does not confirm")

	w.write("file", "a file")
	ask := func(signed *sigtest.Sigstore, edit func(*VerifyOptions)) (*VerifyResult, error) {
		w.write("file.bundle", string(signed.Sign(workflow, gitHub, []byte("a file"))))
		o := VerifyOptions{File: w.path("file"), Bundle: w.path("file.bundle"), Identity: workflow, Issuer: gitHub, RootDirs: []string{w.path("none"), w.path("roots")}, BaseDir: w.dir, Unprivileged: true}
		if edit != nil {
			edit(&o)
		}
		return VerifyBundle(t.Context(), o)
	}
	if res, err := ask(s, nil); err != nil || res.Root != "corp" {
		t.Errorf("got %+v, %v", res, err)
	}
	if res, err := ask(other, nil); err != nil || res.Root != "a-first" {
		t.Errorf("got %+v, %v", res, err)
	}
	_, err = ask(sigtest.New(t), nil)
	wantCode(t, err, "bad_signature", "root a-first", "root corp", "root z-last")

	// One that cannot be read is passed over, unless it is what matters.
	w.write("roots/a-first.json", "{}x")
	if res, err := ask(s, nil); err != nil || res.Root != "corp" {
		t.Errorf("got %+v, %v", res, err)
	}
	_, err = ask(sigtest.New(t), nil)
	wantCode(t, err, "root_unavailable", "a-first.json")
	_, err = ask(s, func(o *VerifyOptions) {
		o.TrustedRoots = []string{w.path("roots/a-first.json"), w.path("roots/corp.json")}
	})
	wantCode(t, err, "root_unavailable", "a-first.json")

	// One that others could have put there is not believed, unless it is given.
	if err := os.Chmod(w.path("roots/corp.json"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = ask(s, nil)
	wantCode(t, err, "unsafe_permissions", "corp.json")
	if _, err := ask(s, func(o *VerifyOptions) { o.TrustedRoots = []string{w.path("roots/corp.json")} }); err != nil {
		t.Errorf("the root that was given: %v", err)
	}
}

func TestVerifyBundleAnswersAboutAnySignature(t *testing.T) {
	w, s := keylessWorld(t)
	w.write("file", "a file")
	w.write("file.bundle", string(s.Sign(workflow, gitHub, []byte("a file"))))
	w.sign("file", "example") // file.sigstore.json
	w.write("file.att", string(s.Attest(workflow, gitHub, w.statement("file", hexDigest([]byte("a file")), slsa))))
	w.key("stranger")
	digest := "sha256:" + hexDigest([]byte("a file"))
	keyless := VerifyOptions{File: w.path("file"), Bundle: w.path("file.bundle"), Identity: workflow, Issuer: gitHub, TrustedRoots: []string{w.path("roots/corp.json")}}
	byKey := VerifyOptions{File: w.path("file"), Bundle: w.path("file.sigstore.json"), Key: w.path("keys/example.pub")}
	with := func(o VerifyOptions, edit func(*VerifyOptions)) VerifyOptions { edit(&o); return o }
	for name, tt := range map[string]struct {
		ask  VerifyOptions
		code string // "" when believed
	}{
		"a certificate":            {keyless, ""},
		"a certificate, by digest": {with(keyless, func(o *VerifyOptions) { o.File, o.Digest = "", digest }), ""},
		"a certificate, root from roots.d": {with(keyless, func(o *VerifyOptions) {
			o.TrustedRoots, o.RootDirs, o.BaseDir, o.Unprivileged = nil, []string{w.path("roots")}, w.dir, true
		}), ""},
		"an anchored expression": {with(keyless, func(o *VerifyOptions) { o.Identity, o.IdentityRegexp = "", `https://github\.com/example/reader/.*` }), ""},
		"a key":                  {byKey, ""},
		"a key, by digest":       {with(byKey, func(o *VerifyOptions) { o.File, o.Digest = "", digest }), ""},

		"an attestation":                 {with(keyless, func(o *VerifyOptions) { o.Bundle = w.path("file.att") }), ""},
		"an attestation of another file": {with(keyless, func(o *VerifyOptions) { o.Bundle, o.File = w.path("file.att"), w.path("etc/example.yaml") }), "bad_signature"},

		"no root at all":                {with(keyless, func(o *VerifyOptions) { o.TrustedRoots = nil }), "root_unavailable"},
		"an expression that is a part":  {with(keyless, func(o *VerifyOptions) { o.Identity, o.IdentityRegexp = "", `example/reader` }), "untrusted_signer"},
		"another identity":              {with(keyless, func(o *VerifyOptions) { o.Identity = "https://github.com/evil" }), "untrusted_signer"},
		"another issuer":                {with(keyless, func(o *VerifyOptions) { o.Issuer = "https://evil.example" }), "untrusted_signer"},
		"another file":                  {with(keyless, func(o *VerifyOptions) { o.File = w.path("etc/example.yaml") }), "bad_signature"},
		"another digest":                {with(keyless, func(o *VerifyOptions) { o.File, o.Digest = "", "sha256:"+hexDigest(nil) }), "bad_signature"},
		"another key":                   {with(byKey, func(o *VerifyOptions) { o.Key = w.path("keys/stranger.pub") }), "bad_signature"},
		"a key where a log is demanded": {with(byKey, func(o *VerifyOptions) { o.TrustedRoots = []string{w.path("roots/corp.json")} }), "bad_signature"},
		"a key for a certificate":       {with(keyless, func(o *VerifyOptions) { o.Identity, o.Issuer, o.Key = "", "", w.path("keys/example.pub") }), "untrusted_signer"},
		"a certificate for a key":       {with(keyless, func(o *VerifyOptions) { o.Bundle = w.path("file.sigstore.json") }), "untrusted_signer"},
		"neither file nor digest":       {with(keyless, func(o *VerifyOptions) { o.File = "" }), "bad_question"},
		"nobody":                        {with(byKey, func(o *VerifyOptions) { o.Key = "" }), "bad_question"},
		"a digest of another algorithm": {with(byKey, func(o *VerifyOptions) { o.File, o.Digest = "", "sha512:"+hexDigest(nil)+hexDigest(nil) }), "bad_bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := VerifyBundle(context.Background(), tt.ask)
			wantCode(t, err, tt.code)
			if err == nil && (!res.Verified || res.Digest != digest) {
				t.Errorf("got %+v", res)
			}
		})
	}
}
