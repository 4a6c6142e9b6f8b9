package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Bundles that others made, from sigstore-go's published test data: an npm
// provenance of the public-good instance, one with an otherName identity of a
// private deployment, and one that is signed with a key.
const (
	npmDigest = "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c"
	npmWho    = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"
	npmIssuer = "https://token.actions.githubusercontent.com"
	keyDigest = "sha256:6ae8a75555209fd6c44157c0aed8016e763ff435a19cf186f76863140143ff72"
)

func TestVerifyIsRightOnBundlesThatOthersMade(t *testing.T) {
	t.Chdir(filepath.Join("testdata", "verify"))
	npm := []string{"--bundle", "npm.sigstore.json", "--trusted-root", "public-good.json"}
	npmIs := func(who, issuer string) []string {
		return append([]string{"--certificate-identity", who, "--certificate-oidc-issuer", issuer}, npm...)
	}
	key := []string{"--bundle", "key.sigstore.json", "--key", "key.pub"}
	for _, c := range []struct {
		name string
		args []string
		want int
		says string // on standard error
	}{
		{"an attestation of the public-good instance", append([]string{npmDigest}, npmIs(npmWho, npmIssuer)...), exitDone, ""},
		{"of other bytes", append([]string{strings.Replace(npmDigest, "46d4", "46d5", 1)}, npmIs(npmWho, npmIssuer)...), exitDenied, "does not match"},
		{"by another workflow", append([]string{npmDigest}, npmIs(npmWho+"x", npmIssuer)...), exitDenied, "claims to be"},
		{"by another issuer", append([]string{npmDigest}, npmIs(npmWho, npmIssuer+"/")...), exitDenied, "claims to be"},
		{"with a key where a certificate signed", []string{npmDigest, "--bundle", "npm.sigstore.json", "--key", "key.pub"}, exitDenied, "not with a key"},
		{"without a trusted root", []string{npmDigest, "--bundle", "npm.sigstore.json", "--certificate-identity", npmWho, "--certificate-oidc-issuer", npmIssuer}, exitFailed, "--trusted-root"},
		{"with a trusted root that is not there", append([]string{npmDigest, "--trusted-root", "none.json"}, npmIs(npmWho, npmIssuer)...), exitFailed, "none.json"},
		{"with a trusted root that is none", append([]string{npmDigest, "--trusted-root", "npm.sigstore.json"}, npmIs(npmWho, npmIssuer)...), exitFailed, "root is missing or broken"},
		{"of a digest that the signature is not over", append([]string{keyDigest}, npmIs(npmWho, npmIssuer)...), exitDenied, "sha512 digest"},
		{"a key's signature", append([]string{keyDigest}, key...), exitDone, ""},
		{"a key's signature that no log of the root knows", append([]string{keyDigest, "--trusted-root", "public-good.json"}, key...), exitDenied, "log"},
		{"an identity of a private deployment that is no mail address nor URL", []string{"sha256:bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b",
			"--bundle", "othername.sigstore.json", "--trusted-root", "scaffolding.json", "--certificate-identity", "foo!oidc.local", "--certificate-oidc-issuer", "http://oidc.local:8080"}, exitDone, ""},
		{"that of a root that never saw it", []string{"sha256:bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b",
			"--bundle", "othername.sigstore.json", "--trusted-root", "public-good.json", "--certificate-identity", "foo!oidc.local", "--certificate-oidc-issuer", "http://oidc.local:8080"}, exitDenied, ""},
		{"an envelope with two signatures", []string{"sha512:bbfd372fc9beeb777fe35d05bb10c0c70a9733d366a75fed7dd18866c7391de3ee7e88ba74dd47abf3e15c845e547fcf0e5c3da80854c751554224d3a6d4e55f",
			"--bundle", "two-signatures.sigstore.json", "--trusted-root", "public-good.json", "--certificate-identity", "brian@dehamer.com", "--certificate-oidc-issuer", "https://github.com/login/oauth"}, exitDenied, ""},
		{"what is no bundle", []string{keyDigest, "--bundle", "key.pub", "--key", "key.pub"}, exitDenied, "cannot be used"},
		{"a bundle that is not there", []string{keyDigest, "--bundle", "none.json", "--key", "key.pub"}, exitFailed, "none.json"},
		{"a file that is not there", []string{"none", "--bundle", "key.sigstore.json", "--key", "key.pub"}, exitFailed, "none"},
		{"what is no digest", append([]string{"sha256:zz"}, key...), exitUsage, "is not a digest"},
		{"a digest too short", append([]string{"sha256:00"}, key...), exitUsage, "is not a digest"},
		{"asking for a key and an identity", append([]string{keyDigest, "--certificate-identity", "a", "--certificate-oidc-issuer", "b"}, key...), exitUsage, "--key"},
		{"asking for an identity of no issuer", append([]string{npmDigest, "--certificate-identity", npmWho}, npm...), exitUsage, "--certificate-oidc-issuer"},
		{"asking for a key and an issuer", append([]string{keyDigest, "--certificate-oidc-issuer", "b"}, key...), exitUsage, "no issuer"},
		{"asking for a key and an extension", append([]string{keyDigest, "--certificate-extension", "runnerEnvironment=x"}, key...), exitUsage, "no extensions"},
		{"asking for nobody", append([]string{npmDigest}, npm...), exitUsage, "--key"},
		{"a digest without a bundle", []string{keyDigest, "--key", "key.pub"}, exitUsage, "--bundle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, talk, code := verify(t, c.args...)
			if code != c.want || !strings.Contains(talk, c.says) {
				t.Errorf("exit code %d, want %d, saying %q:\n%s", code, c.want, c.says, talk)
			}
			if (out != "") != (c.want == exitDone) {
				t.Errorf("standard output: %q", out)
			}
		})
	}
}

func TestWhatVerifyTellsProgramsStaysAsItIs(t *testing.T) {
	t.Chdir(filepath.Join("testdata", "verify"))
	for golden, args := range map[string][]string{
		"npm.golden.json": {npmDigest, "--bundle", "npm.sigstore.json", "--trusted-root", "public-good.json", "--certificate-identity", npmWho, "--certificate-oidc-issuer", npmIssuer},
		"key.golden.json": {keyDigest, "--bundle", "key.sigstore.json", "--key", "key.pub"},
	} {
		out, talk, code := verify(t, append(args, "-o", "json")...)
		if code != exitDone {
			t.Fatal(talk)
		}
		want, err := os.ReadFile(golden)
		if err != nil && os.Getenv("UPDATE_GOLDEN") == "" {
			t.Fatal(err)
		}
		if out != string(want) {
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("%s: got\n%swant\n%s(UPDATE_GOLDEN=1 writes it)", golden, out, want)
		}
	}
}

func verify(t *testing.T, args ...string) (out, talk string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &o, err: &e, env: func(string) string { return "" }}
	code = a.run(context.Background(), append([]string{"--root", t.TempDir(), "verify"}, args...))
	return o.String(), e.String(), code
}
