// Package readme writes policies/README.md, the manual for administrators,
// from the policies themselves: conditions from the METADATA of the rules, requirements
// and thresholds from the data files and the comments in them.
package readme

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner"
)

// Kinds are the kinds of action in the order of an update's life.
var Kinds = []string{"scan", "download", "install", "uninstall", "prereboot", "restart", "complete"}

//go:embed readme.md.tmpl
var manual string

// Render returns the text of policies/README.md. It fails when the embedded
// policies do not load.
func Render(ctx context.Context) ([]byte, error) {
	e, err := engine.New(ctx, engine.Options{
		Layers: func() []engine.Layer { return []engine.Layer{{Name: "embedded", FS: policies.FS}} },
		Schema: runner.Schema(),
	})
	if err != nil {
		return nil, err
	}
	numbers, err := fs.ReadFile(policies.FS, "thresholds/data.yaml")
	if err != nil {
		return nil, err
	}
	t, err := template.New("readme").Funcs(template.FuncMap{"cell": cell, "needed": needed}).Parse(manual)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]any{
		"Kinds": Kinds, "Conditions": e.Generation().Conditions(), "Thresholds": paragraphs(string(numbers)),
		"Sample": strings.TrimSpace(Sample), "SampleData": strings.TrimSpace(SampleRequirements),
	})
	return out.Bytes(), err
}

// cell makes text fit into one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

// needed says what a condition means for a kind of action: a dot where it is
// needed, a cross where its lack denies, nothing where nobody asks.
func needed(c engine.Condition, kind string) string {
	switch {
	case !slices.Contains(c.RequiredFor, kind) && !slices.Contains(c.RequiredFor, "any"):
		return ""
	case c.Denies:
		return "deny"
	}
	return "wait"
}

// A Paragraph is a comment of a data file and the lines below it.
type Paragraph struct{ Comment, Lines string }

// paragraphs splits a data file at its blank lines.
func paragraphs(text string) []Paragraph {
	var out []Paragraph
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var p Paragraph
		for line := range strings.SplitSeq(block, "\n") {
			if comment, ok := strings.CutPrefix(line, "#"); ok {
				p.Comment += comment
			} else {
				p.Lines += fmt.Sprintln(line)
			}
		}
		p.Comment = strings.TrimSpace(p.Comment)
		if p.Lines != "" {
			out = append(out, p)
		}
	}
	return out
}
