package trust

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestTheFiveCommandsOfTheReadmeWork runs them as they stand there; those of
// lull through the functions behind them.
func TestTheFiveCommandsOfTheReadmeWork(t *testing.T) {
	w := newWorld(t)
	w.mkdir("vendor")
	c := stockCosign(t, w.path("vendor"))
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "<!-- tested -->\n```sh\n")
	block, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("README.md has no tested block")
	}
	os.Rename(w.packWith("a", w.manifest("3.1.0"), ""), w.path("vendor/reader"))
	for line := range strings.Lines(block) {
		command, _, _ := strings.Cut(line, "#")
		words := strings.Fields(command)
		switch {
		case words[0] == "cosign":
			c.run(words[1:]...)
		case words[1] == "pack":
			if _, err := Pack(context.Background(), PackOptions{Dir: w.path("vendor/" + words[2])}); err != nil {
				t.Fatal(err)
			}
		case words[1] == "validate":
			w.write("etc/example.pub", w.read("vendor/cosign.pub"))
			w.Reload()
			if got := w.Inspect(context.Background(), w.path("vendor/"+words[2])); len(got) > 0 {
				t.Errorf("lull validate: %v", got)
			}
		default:
			t.Fatalf("unknown command %q", line)
		}
	}
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
