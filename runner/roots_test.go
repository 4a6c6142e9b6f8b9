package runner_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/trust"
)

// TestATrustedRootIsRefreshedWhenThePolicyAllowsIt lets the daemon itself fetch
// the root that a vendor relies on, from a repository that is good until 2099.
func TestATrustedRootIsRefreshedWhenThePolicyAllowsIt(t *testing.T) {
	const dir = "../cmd/internal/cli/testdata/tuf"
	repository := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(repository.Close)
	first, err := os.ReadFile(filepath.Join(dir, "1.root.json"))
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, nil)
	m.roots = []trust.Refresher{
		{Name: "corp", URL: repository.URL, Root: first},
		{Name: "unused", URL: "http://127.0.0.1:1", Root: first}, // no vendor names it, so nobody asks for it
	}
	m.write(filepath.Join(m.root, "etc/lull/vendors.d/example.yaml"), []byte(vendorFile+`identities:
  - {id: release, root: corp, certificate_oidc_issuer: "https://issuer.example", certificate_identity: "release@example.com"}
`), 0o644)
	// An administrator's rule that lets everything scan but lull itself.
	m.write(filepath.Join(m.root, "etc/lull/policies/eligibility/roots.rego"),
		[]byte("package eligibility\n\n# METADATA\n# title: Not lull itself\n# description: Not lull itself.\nmet contains \"never\" if input.updater.id != \"trust-roots\"\n"), 0o644)
	requirements := filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")
	allowed, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	m.write(requirements, []byte(string(allowed)+"  any: {never: true}\n"), 0o644)
	m.start()
	journaled := func(kind, text string) func() (bool, string) {
		return func() (bool, string) {
			for _, rec := range m.records() {
				if rec.Kind == kind && strings.Contains(string(rec.Body), text) {
					return true, ""
				}
			}
			return false, "the journal has no " + kind
		}
	}
	eventually(t, 20*time.Second, journaled("decided", `"updater":"trust-roots"`))
	root := filepath.Join(m.paths.State, "roots.d/corp.json")
	if _, err := os.Stat(root); err == nil {
		t.Fatal("it was fetched although the policy says wait")
	}
	m.write(requirements, allowed, 0o644)
	eventually(t, 30*time.Second, journaled("root_refreshed", `"name":"corp","changed":true`))
	if _, err := os.Stat(root); err != nil {
		t.Error(err)
	}
	if ok, _ := journaled("root_refreshed", "unused")(); ok {
		t.Error("a root that nobody relies on was fetched")
	}
}
