package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A Generation is one loaded set of policies. It never changes, and is safe for
// concurrent use.
type Generation struct {
	digest       string
	tree         *tree
	schema       *schema
	prog         *program
	conditions   []Condition
	thresholds   []Threshold
	requirements []Requirement
	warnings     []Diagnostic
	shapes       shapes
}

// Digest identifies the set: the SHA-256, in hex, of the rules and data in force.
func (g *Generation) Digest() string { return g.digest }

// ReadSet lists the paths below input that a decision can read, such as
// "facts.power.on_ac". A path stands for everything below it.
func (g *Generation) ReadSet() []string { return slices.Clone(g.prog.reads) }

// Evaluations is how often OPA has evaluated this set, whole or in part, for
// whatever purpose.
func (g *Generation) Evaluations() uint64 { return g.prog.count.Load() }

// Conditions lists the conditions that rules define, by name.
func (g *Generation) Conditions() []Condition { return slices.Clone(g.conditions) }

// Thresholds lists the values below data.thresholds, by key.
func (g *Generation) Thresholds() []Threshold { return slices.Clone(g.thresholds) }

// Requirements lists what is required for which kind, dropped ones included.
func (g *Generation) Requirements() []Requirement { return slices.Clone(g.requirements) }

// Warnings are the findings of the load that did not keep it out of force.
func (g *Generation) Warnings() []Diagnostic { return slices.Clone(g.warnings) }

func (g *Generation) condition(name string) (Condition, bool) {
	i, ok := slices.BinarySearchFunc(g.conditions, name, func(c Condition, n string) int {
		if c.Name < n {
			return -1
		} else if c.Name > n {
			return 1
		}
		return 0
	})
	if !ok {
		return Condition{Name: name, RequiredFor: []string{}}, false
	}
	return g.conditions[i], true
}

// load makes a generation of t. All problems are returned; with an error among
// them there is no generation.
func load(ctx context.Context, t *tree, s *schema, meanwhile func()) (*Generation, diagnostics) {
	var diags, probed diagnostics
	g := &Generation{digest: t.digest, tree: t, schema: s}
	var mods map[string]*ast.Module // not kept: a resting daemon has no use for them
	if g.prog, mods = compileTree(ctx, t, s, meanwhile, &diags); g.prog == nil {
		return nil, diags
	}
	var others sync.WaitGroup
	others.Go(func() { g.describe(mods, &diags) })
	g.prog.findReads() // before the probes: OPA sorts the keys of an object when it is first walked through
	g.probe(ctx, s.kinds(), &probed)
	if others.Wait(); !diags.failed() {
		diags = append(diags, probed...)
	}
	if diags.failed() {
		return nil, diags
	}
	g.warnings = diags.only(func(sev string) bool { return sev != SeverityError })
	return g, nil
}

// describe reads conditions, requirements and thresholds, and whether they fit
// each other.
func (g *Generation) describe(mods map[string]*ast.Module, diags *diagnostics) {
	kinds, data := g.schema.kinds(), g.tree.data
	known := conditions(mods, diags)
	g.requirements = requirements(data, known, kinds, diags)
	dataReads(mods, data, "requirements", diags)
	g.thresholds = thresholds(g.tree, dataReads(mods, data, "thresholds", diags), diags)
	g.conditions = attach(known, g.requirements, kinds, diags)
}

// probeDeadline is generous: a probe that takes longer would never decide.
const probeDeadline = 2 * time.Second

// probe asks for decisions of which nothing is known but the kind. Each must
// have the shape of a decision, and none may be run.
func (g *Generation) probe(ctx context.Context, kinds []string, diags *diagnostics) {
	kinds = append([]string{""}, kinds...)
	found := make([]diagnostics, len(kinds))
	onAllProcessors(len(kinds), func(i int) bool {
		g.probeKind(ctx, kinds[i], &found[i])
		return found[i] == nil
	})
	for _, ds := range found {
		if ds != nil {
			*diags = append(*diags, ds...)
			return // the first of them: all kinds often break by the same rule
		}
	}
}

// probeKind is the probe of one kind. Without even a kind the decision may be
// undefined, which is a wait.
func (g *Generation) probeKind(ctx context.Context, kind string, diags *diagnostics) {
	in := &Input{}
	if kind != "" {
		in.Action, _ = NewSection(map[string]any{"kind": kind})
	}
	d := g.decide(ctx, in, probeDeadline)
	switch {
	case d.Error != "" && kind != "":
		hint, why := "decision.rego shows the shape", d.Error
		if len(d.WaitsFor) == 1 && d.WaitsFor[0] == PolicyTimeout {
			hint = "a rule loops, or makes something huge: opa eval --profile with the rule files tells which"
			why = unanswered(probeDeadline)
		}
		diags.errorf(position{}, hint, "action %q without any fact gets no decision: %s", kind, why)
	case d.Verdict == Run:
		diags.errorf(position{}, "a condition is met although nothing is known; lull policy check finds such rules",
			"action %q would run although nothing is known about the machine", kind)
	}
}

// Export writes the effective set into dir, which must be empty or missing, so
// that `opa eval -d dir -i input.json data.eligibility.decision` decides the same.
func (g *Generation) Export(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return errors.New(dir + " is not empty; export into a new directory")
	}
	for _, p := range slices.Sorted(maps.Keys(g.tree.rules)) {
		if err := writeNew(filepath.Join(dir, filepath.FromSlash(p)), g.tree.rules[p].content); err != nil {
			return err
		}
	}
	for _, k := range g.tree.data.keys() {
		name, doc := filepath.Join(dir, k, "data.json"), g.tree.data.child(k).value()
		if !g.tree.data.child(k).isMap() {
			return fmt.Errorf("data.%s is a single value at the top; move it below a key to export it", k)
		}
		content, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			return err
		}
		if err := writeNew(name, append(content, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func writeNew(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}
