package cli

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dialed is the variable by which the test binary dials an address and nothing
// else, to find out whether there is a network.
const dialed = "LULL_TEST_DIAL"

func init() { dialer = dial }

// dial is what this binary is for TestVerifyNeedsNoNetwork.
func dial() (code int, ok bool) {
	address := os.Getenv(dialed)
	if address == "" {
		return 0, false
	}
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return 1, true
	}
	c.Close()
	return 0, true
}

// TestVerifyNeedsNoNetwork verifies a bundle of the public-good instance in a
// network namespace that holds nothing, where not even a loopback answers.
func TestVerifyNeedsNoNetwork(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can take the network away")
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	t.Chdir(filepath.Join("testdata", "verify"))
	run := func(alone bool, env string, args ...string) (string, error) {
		c := exec.Command("/proc/self/exe", args...)
		c.Args[0], c.Env = "lull", append(os.Environ(), env)
		if alone {
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	asks := dialed + "=" + server.Addr().String()
	if out, err := run(false, asks); err != nil {
		t.Fatalf("with the network: %v %s", err, out)
	}
	if _, err := run(true, asks); err == nil {
		t.Fatal("the namespace has a network, so the rest would show nothing")
	}
	root := t.TempDir()
	for name, ask := range map[string]struct {
		digest string
		fails  bool
	}{"the right bytes": {npmDigest, false}, "other bytes": {strings.Replace(npmDigest, "46d4", "46d5", 1), true}} {
		out, err := run(true, "HOME="+root, "--root", root, "verify", ask.digest, "--bundle", "npm.sigstore.json", "--trusted-root", "public-good.json",
			"--certificate-identity", npmWho, "--certificate-oidc-issuer", npmIssuer)
		if (err != nil) != ask.fails || strings.Contains(out, "verified  sha512") == ask.fails {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// readOnly makes a directory one that nobody can write to, root included.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("only root with mount rights can mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

// TestRevokingWorksWithAReadOnlyEtc, and where it cannot it says what does.
func TestRevokingWorksWithAReadOnlyEtc(t *testing.T) {
	root := shortDir(t)
	lull := func(want int, args ...string) string {
		t.Helper()
		out := newBuffer(t)
		a := &app{in: strings.NewReader(""), out: out, err: out, env: func(string) string { return "" }}
		if code := a.run(t.Context(), append([]string{"--root", root}, args...)); code != want {
			t.Errorf("lull %v: exit code %d, want %d\n%s", args, code, want, out)
		}
		return out.String()
	}
	work := t.TempDir()
	t.Chdir(work)
	lull(exitDone, "vendor", "keygen", "example")
	vendor := "apiVersion: lull/v1\nvendor: example\nenabled: true\nkeys: [{id: \"2026\", pem_file: example.pub}]\nscopes:\n  - updaters: [\"com.example.*\"]\n    actions: [scan]\n    components: [user_mode_app]\nexpires: 2099-12-31T00:00:00Z\n"
	if err := os.WriteFile("example.yaml", []byte(vendor), 0o644); err != nil {
		t.Fatal(err)
	}
	lull(exitDone, "vendor", "add", "example.yaml")
	lull(exitDone, "vendor", "show", "example")
	readOnly(t, filepath.Join(root, "etc"))

	// What has to be written there cannot be, and the message says where else.
	out := lull(exitFailed, "vendor", "add", "example.yaml")
	for _, want := range []string{"vendor example was not added", "read-only file system", "lull: hint: ", "run/lull/vendors.d"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing about %q in\n%s", want, out)
		}
	}
	// A revocation is, and holds.
	if out := lull(exitDone, "vendor", "revoke", "example", "2026", "--reason", "stolen"); !strings.Contains(out, "is revoked") {
		t.Errorf("got\n%s", out)
	}
	if out := lull(exitDone, "vendor", "revoke", "example", "--reason", "went rogue"); !strings.Contains(out, "is revoked") {
		t.Errorf("got\n%s", out)
	}
	if out := lull(exitDenied, "vendor", "show", "example"); !strings.Contains(out, "went rogue") {
		t.Errorf("got\n%s", out)
	}
	// Where the state cannot be written either, nothing is claimed.
	if err := os.RemoveAll(filepath.Join(root, "var/lib/lull/revocations")); err != nil {
		t.Fatal(err)
	}
	readOnly(t, filepath.Join(root, "var"))
	out = lull(exitFailed, "vendor", "revoke", "example", "2026")
	for _, want := range []string{"nothing was revoked", "read-only file system", "lull: hint: ", "`revoked: true` at 2026", "vendors.d/example.yaml"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing about %q in\n%s", want, out)
		}
	}
	lull(exitDone, "vendor", "show", "example")
}
