package readme

import (
	"context"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write policies/README.md")

func TestTheManualIsWhatThePoliciesSay(t *testing.T) {
	const file = "../../policies/README.md"
	want, err := Render(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is out of date; run: go test ./policytests/readme -update", file)
	}
}
