package trust

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cosign is the stock tool, run in a directory of its own with the password
// "secret". The tests that need it say so and skip where it is not installed.
type cosign struct {
	t   *testing.T
	dir string
}

func stockCosign(t *testing.T, dir string) *cosign {
	t.Helper()
	if _, err := exec.LookPath("cosign"); err != nil {
		t.Skip("cosign is not on PATH (go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3)")
	}
	return &cosign{t, dir}
}

func (c *cosign) try(args ...string) (string, error) {
	cmd := exec.Command("cosign", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=secret", "HOME="+c.dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *cosign) run(args ...string) {
	c.t.Helper()
	if out, err := c.try(args...); err != nil {
		c.t.Fatalf("cosign %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func secret() ([]byte, error) { return []byte("secret"), nil }

// TestStockCosignSignsAndLullVerifies is the vendor's way of trust/README.md.
func TestStockCosignSignsAndLullVerifies(t *testing.T) {
	for name, makeKey := range map[string]func(c *cosign){
		"p256": func(c *cosign) { c.run("generate-key-pair", "--output-key-prefix", "vendor") },
		"rsa3072": func(c *cosign) {
			if out, err := exec.Command("openssl", "genrsa", "-out", filepath.Join(c.dir, "plain.pem"), "3072").CombinedOutput(); err != nil {
				c.t.Skipf("openssl: %v %s", err, out)
			}
			c.run("import-key-pair", "--key", "plain.pem", "--output-key-prefix", "vendor")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := stockCosign(t, w.path("keys"))
			makeKey(c)
			w.write("etc/example.pub", w.read("keys/vendor.pub"))
			w.Reload()
			dir := w.packWith("a", w.manifest("3.1.0"), "")
			c.run("signing-config", "create", "--out", "offline.json")
			c.run("sign-blob", "--key", "vendor.key", "--signing-config", "offline.json", "--bundle", filepath.Join(dir, "manifest.json.sigstore.json"), "--yes", filepath.Join(dir, "manifest.json"))
			w.write("provenance.json", `{"buildDefinition":{"buildType":"https://example.com/build","externalParameters":{}},"runDetails":{"builder":{"id":"https://builder.example"}}}`)
			c.run("attest-blob", "--key", "vendor.key", "--signing-config", "offline.json", "--predicate", w.path("provenance.json"), "--type", "slsaprovenance1",
				"--bundle", filepath.Join(dir, "provenance.intoto.sigstore.json"), "--yes", filepath.Join(dir, "manifest.json"))
			p, err := w.Admit(context.Background(), dir)
			if err != nil {
				t.Fatal(err)
			}
			_, told, err := w.Check(context.Background(), p, "scan", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if list := told["attestations"].([]any); len(list) != 1 {
				t.Errorf("got attestations %v, want the provenance", list)
			}
			if _, err := VerifyBundle(context.Background(), VerifyOptions{File: filepath.Join(dir, "manifest.json"), Bundle: filepath.Join(dir, "manifest.json.sigstore.json"), Key: w.path("keys/vendor.pub")}); err != nil {
				t.Errorf("lull verify: %v", err)
			}
			// The other way: cosign's encrypted key signs with lull, and cosign agrees.
			if err := Sign(context.Background(), filepath.Join(dir, "manifest.json"), w.path("keys/vendor.key"), secret); err != nil {
				t.Fatal(err)
			}
			c.run("verify-blob", "--key", "vendor.pub", "--bundle", filepath.Join(dir, "manifest.json.sigstore.json"), "--insecure-ignore-tlog=true", filepath.Join(dir, "manifest.json"))
		})
	}
}

func TestStockCosignAcceptsWhatLullSigns(t *testing.T) {
	w := newWorld(t)
	c := stockCosign(t, w.path("keys"))
	w.write("file", "a file")
	w.sign("file", "example")
	c.run("verify-blob", "--key", "example.pub", "--bundle", w.path("file.sigstore.json"), "--insecure-ignore-tlog=true", w.path("file"))
	w.write("file", "another")
	if out, err := c.try("verify-blob", "--key", "example.pub", "--bundle", w.path("file.sigstore.json"), "--insecure-ignore-tlog=true", w.path("file")); err == nil {
		t.Errorf("cosign verified another file: %s", out)
	}
	if _, _, err := GenerateKey(w.path("keys"), "locked", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	c.run("public-key", "--key", "locked.key") // cosign opens the key that lull encrypted
}

func TestOpensslSignsWithoutAnyOtherTool(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not on PATH")
	}
	w := newWorld(t)
	dir := w.packWith("a", w.manifest("3.1.0"), "")
	manifest := filepath.Join(dir, "manifest.json")
	if out, err := exec.Command("openssl", "dgst", "-sha256", "-sign", w.path("keys/example.key"), "-out", manifest+".sig", manifest).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v %s", err, out)
	}
	p, err := w.Admit(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Check(context.Background(), p, "scan", nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := VerifyBundle(context.Background(), VerifyOptions{File: manifest, Signature: manifest + ".sig", Key: w.path("keys/example.pub")}); err != nil {
		t.Errorf("lull verify --signature: %v", err)
	}
}
