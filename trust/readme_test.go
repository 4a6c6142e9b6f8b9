package trust

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTheCommandsOfTheReadmeWork runs them in the order in which they stand
// there; those of lull through the functions behind them.
func TestTheCommandsOfTheReadmeWork(t *testing.T) {
	w := newWorld(t)
	w.mkdir("vendor")
	c := stockCosign(t, w.path("vendor"))
	os.Rename(w.packWith("a", w.manifest("3.1.0"), ""), w.path("vendor/reader"))
	w.write("vendor/reader.update.json", w.read("stage/"+w.document("12.4.0", "x")))
	ran := 0
	for _, block := range readmeBlocks(t, "<!-- tested -->\n```sh\n") {
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(line, "#")
			words := strings.Fields(command)
			ran++
			if words[0] == "cosign" {
				c.run(words[1:]...)
			} else if err := lullCommand(w, words[1:]); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(command), err)
			}
		}
	}
	if ran < 8 {
		t.Errorf("ran %d commands, want all of the tested blocks", ran)
	}
}

// readmeBlocks returns the blocks of README.md that begin in the given way.
func readmeBlocks(t *testing.T, begin string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), begin)[1:] {
		block, _, closed := strings.Cut(part, "```")
		if !closed {
			t.Fatal("README.md has a block without an end")
		}
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		t.Fatalf("README.md has no block %q", begin)
	}
	return blocks
}

// lullCommand does what a command of lull does, in the vendor's directory.
func lullCommand(w *world, words []string) error {
	at := func(i int) string { return w.path("vendor/" + words[i]) }
	switch words[0] {
	case "pack":
		_, err := Pack(context.Background(), PackOptions{Dir: at(1)})
		return err
	case "validate":
		w.write("etc/example.pub", w.read("vendor/cosign.pub"))
		w.Reload()
		if got := w.Inspect(context.Background(), at(1)); len(got) > 0 {
			return fmt.Errorf("%v", got)
		}
		return nil
	case "verify":
		if words[2] != "--bundle" || words[4] != "--key" {
			return errors.New("options that the test does not know")
		}
		_, err := VerifyBundle(context.Background(), VerifyOptions{File: at(1), Bundle: at(3), Key: at(5)})
		return err
	}
	return errors.New("unknown command")
}

// TestTheWorkflowOfTheReadmeFitsItsVendorFile signs as the published workflow
// would be certified to, and admits it with the published vendor file.
func TestTheWorkflowOfTheReadmeFitsItsVendorFile(t *testing.T) {
	var flow struct {
		On          map[string]map[string][]string
		Permissions map[string]string
		Jobs        map[string]struct {
			Steps []struct{ Uses, Run string }
		}
	}
	var vendorText string
	for _, block := range readmeBlocks(t, "```yaml\n") {
		if strings.HasPrefix(block, "name:") {
			if err := yaml.Unmarshal([]byte(block), &flow); err != nil {
				t.Fatal(err)
			}
		} else {
			vendorText = block
		}
	}
	if flow.Permissions["id-token"] != "write" || flow.Permissions["contents"] != "write" || !slices.Equal(flow.On["push"]["tags"], []string{"v*"}) {
		t.Errorf("got triggers %v and permissions %v", flow.On, flow.Permissions)
	}
	var steps []string
	for _, s := range flow.Jobs["package"].Steps {
		steps = append(steps, s.Uses+s.Run)
	}
	at := -1
	for _, want := range []string{"actions/checkout", "go install github.com/lullhq/lull/cmd/lull@", "sigstore/cosign-installer", "lull pack reader",
		"cosign sign-blob --yes --bundle reader/manifest.json.sigstore.json reader/manifest.json", "tar -C reader", "gh release create"} {
		i := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, want) })
		if i <= at {
			t.Errorf("no step %q in its place: %q", want, steps)
		}
		at = i
	}

	w, s := keylessWorld(t)
	_, identities, _ := strings.Cut(vendorText, "# identities:")
	identities, scopes, _ := strings.Cut(identities, "scopes:")
	text := "apiVersion: lull/v1\nvendor: example\nenabled: true\nidentities:" + strings.ReplaceAll(identities, "\n# ", "\n") + "scopes:" + scopes
	w.write("etc/example.yaml", strings.ReplaceAll(text, "2029-", "2099-"))
	w.write("roots/public-good.json", string(s.Root()))
	w.Reload()
	if _, err := w.Admit(context.Background(), w.packKeyless(s, "https://github.com/example/reader/.github/workflows/release.yml@refs/tags/v3.1.0", gitHub)); err != nil {
		t.Errorf("%v\nwith\n%s", err, text)
	}
	_, err := w.Admit(context.Background(), w.packKeyless(s, "https://github.com/example/reader/.github/workflows/release.yml@refs/heads/main", gitHub))
	wantCode(t, err, "untrusted_signer")
}

func TestTheReadmeNamesEveryCode(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(source)) {
		_, after, ok := strings.Cut(line, `= &reason{"`)
		if code, _, _ := strings.Cut(after, `"`); ok && !strings.Contains(string(text), "`"+code+"`") {
			t.Errorf("README.md does not explain the code %q", code)
		}
	}
}
