package policytests

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lullhq/lull/facts"
)

var update = flag.Bool("update", false, "write the list of facts that are measured")

// What a snapshot costs is measured on the facts that these policies read, in
// facts, which knows no policies. This keeps its list.
func TestWhatTheDefaultPoliciesReadIsWhatIsMeasured(t *testing.T) {
	const file = "../facts/testdata/default-policies.txt"
	var reads []string
	for _, id := range facts.Wanted(shipped(t).Generation().ReadSet()).IDs() {
		reads = append(reads, "facts."+string(id))
	}
	slices.Sort(reads)
	got := strings.Join(reads, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%v\ngot:\n%s\nwant:\n%s\nwrite it anew with: go test ./policytests -run %s -update", err, got, want, t.Name())
	}
}
