package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner"
	"github.com/spf13/cobra"
)

// decideOptions are the flags of lull decide.
type decideOptions struct {
	input    string
	policies []string
	exitCode bool
}

func (a *app) decideCommand() *cobra.Command {
	var o decideOptions
	c := &cobra.Command{
		Use: "decide --input FILE", Short: "Decide on a given input document", Args: exactly(),
		Long: `Decides on the input document in FILE ("-" for standard input) with the
policies in force, or with the shipped ones and those of --policies. The JSON
is what stock OPA prints for data.eligibility.decision on the tree that
lull policy export writes. No daemon is asked and nothing is run.`,
		Example: "  lull decide --input input.json\n  lull decide --input input.json --policies ./policies -o json",
		RunE:    func(c *cobra.Command, _ []string) error { return a.decide(c.Context(), o) },
	}
	c.Flags().StringVar(&o.input, "input", "", "the input document, `FILE` or -")
	c.Flags().StringArrayVar(&o.policies, "policies", nil, "use the policies in `DIR` over the shipped ones, instead of the machine's (repeatable)")
	c.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit 10 for wait and 11 for deny")
	return c
}

func (a *app) decide(ctx context.Context, o decideOptions) error {
	if o.input == "" {
		return hinted(usage("decide needs an input document"), "lull decide --input FILE; lull policy schema describes it")
	}
	data, err := a.readFile(o.input)
	if err != nil {
		return err
	}
	var (
		in      *engine.Input
		refused error
	)
	eng, err := a.engineMeanwhile(ctx, o.policies, func() {
		in, refused = engine.ParseInput(runner.CheckSchemaOf(a.paths()), data)
	})
	if err != nil {
		return err
	}
	if err := refused; err != nil {
		return coded(exitFailed, fmt.Errorf("%s: %w", o.input, err), "lull policy schema prints what an input document looks like")
	}
	d := eng.Decide(ctx, in)
	if err := a.bare(d, func(s *screen) { printDecision(s, d, eng.Explain(ctx, in, d).Unmet) }); err != nil {
		return err
	}
	if !o.exitCode {
		return nil
	}
	return verdictExit(d.Verdict)
}

func verdictExit(v engine.Verdict) error {
	switch v {
	case engine.Run:
		return nil
	case engine.Wait:
		return exit(exitNotEligible)
	}
	return exit(exitDenied)
}

// engine loads the policies in force, or the shipped ones and those of dirs,
// with what is laid over them.
func (a *app) engine(ctx context.Context, dirs []string, over ...engine.Layer) (*engine.Engine, error) {
	return a.engineMeanwhile(ctx, dirs, nil, over...)
}

// engineMeanwhile is engine that has something done on a processor that loading
// leaves free; once it is loaded, that is done.
func (a *app) engineMeanwhile(ctx context.Context, dirs []string, meanwhile func(), over ...engine.Layer) (*engine.Engine, error) {
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil {
			return nil, coded(exitFailed, fmt.Errorf("policies: %w", err), "name a directory that exists")
		} else if !info.IsDir() {
			return nil, usage("policies: %s is not a directory", dir)
		}
	}
	if len(dirs) == 0 {
		dirs = a.paths().PolicyDirs
	}
	eng, err := runner.OfflineEngine(ctx, a.paths(), dirs, meanwhile, over...)
	if err != nil {
		return nil, coded(exitPolicy, err, "lull policy check shows every problem; the daemon keeps the last good policies meanwhile")
	}
	return eng, nil
}

// readFile reads a named file, or standard input for "-".
func (a *app) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(name)
}

// printDecision writes a decision for people: the verdict, then what is in
// the way, one condition a line.
func printDecision(s *screen, d engine.Decision, unmet []engine.Unmet) {
	s.line("%s", s.verdict(d.Verdict))
	if d.Error != "" {
		s.line("  %s", s.red(d.Error))
	}
	printUnmet(s, d, unmet, "  ")
	if d.Verdict == engine.Run {
		printObligations(s, d)
	}
}

func (s *screen) verdict(v engine.Verdict) string {
	switch v {
	case engine.Run:
		return s.green("run")
	case engine.Wait:
		return s.yellow("wait")
	}
	return s.red(string(v))
}

// printUnmet writes one line for each condition in the way, with what would
// be needed below it.
func printUnmet(s *screen, d engine.Decision, unmet []engine.Unmet, indent string) {
	told := map[string]bool{}
	for _, u := range unmet {
		told[u.Name] = true
		s.line("%s%s  %s", indent, s.bold(u.Name), u.Title)
		for _, n := range u.Needed {
			s.line("%s    needs  %s", indent, s.faint(n))
		}
		for _, o := range u.Observed {
			s.line("%s    now    %s", indent, s.faint(observation(o)))
		}
	}
	for _, name := range append(append([]string{}, d.DeniedBy...), d.WaitsFor...) {
		if !told[name] {
			s.line("%s%s", indent, s.bold(name))
		}
	}
}

func observation(o engine.Observation) string {
	if !o.Known {
		return strings.TrimSuffix(fmt.Sprintf("%s is unknown: %s", o.Path, o.Why), ": ")
	}
	return o.Path + " = " + o.Value
}

func printObligations(s *screen, d engine.Decision) {
	o := d.Obligations
	s.line("  while it runs: %s CPU and %s disk priority, at most %d s; when the user returns: %s", o.CPU, o.IO, o.MaxSeconds, o.OnUserReturn)
}
