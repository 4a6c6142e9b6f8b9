package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner"
	"github.com/spf13/cobra"
)

func (a *app) policyCommand() *cobra.Command {
	var dirs []string
	c := &cobra.Command{
		Use: "policy", Short: "List, check, test, compare and export the policies", Args: verbs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringArrayVar(&dirs, "policies", nil, "use the policies in `DIR` over the shipped ones, instead of the machine's (repeatable)")
	c.AddCommand(a.policyListCommand(&dirs), a.policyCheckCommand(&dirs), a.policyTestCommand(&dirs), a.policyDiffCommand(), a.policyExportCommand(&dirs),
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of the input document", Args: exactly(),
			RunE: func(*cobra.Command, []string) error { return a.writeJSON(runner.SchemaOf(a.paths())) },
		},
		&cobra.Command{
			Use: "capabilities", Short: "Print the built-ins that policies may use, as OPA capabilities", Args: exactly(),
			RunE: func(*cobra.Command, []string) error { return a.writeJSON(engine.Capabilities()) },
		})
	return c
}

// writeJSON prints a JSON text; as text, as it is.
func (a *app) writeJSON(data []byte) error {
	if a.format == formatYAML {
		return a.write(data)
	}
	_, err := fmt.Fprintln(a.out, strings.TrimRight(string(data), "\n"))
	return err
}

func (a *app) policyListCommand(dirs *[]string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the conditions, who needs them, and the thresholds", Args: exactly(),
		Long: `Lists the policies in force: every condition, what an action does while it is
unmet and which kinds need it, then every threshold with the file that set it.
While the files are broken it lists the last good ones, which go on deciding, and
says what is wrong.`,
		RunE: func(c *cobra.Command, _ []string) error {
			g, rejected, err := a.policiesInForce(c.Context(), *dirs)
			if err != nil {
				return err
			}
			list := map[string]any{"digest": g.Digest(), "conditions": g.Conditions(), "thresholds": g.Thresholds()}
			if rejected != nil {
				list["rejected"] = rejected
			}
			return a.show("PolicyList", list, func(s *screen) {
				printInForce(s, g, rejected)
				printPolicies(s, g)
			})
		},
	}
}

// policyRejection is an edit that is not in force.
type policyRejection struct {
	Digest   string              `json:"digest"`
	Since    *time.Time          `json:"since,omitempty"` // as the daemon says, if it runs
	Problems []engine.Diagnostic `json:"problems"`
}

// policiesInForce are those that decide: where the machine's do not load, the last
// good ones, and what was rejected.
func (a *app) policiesInForce(ctx context.Context, dirs []string) (*engine.Generation, *policyRejection, error) {
	eng, err := a.engine(ctx, dirs)
	if err == nil {
		return eng.Generation(), nil, nil
	}
	var broken *engine.LoadError
	if len(dirs) > 0 || !errors.As(err, &broken) {
		return nil, nil, err
	}
	g, kept := runner.LastGoodPolicies(ctx, a.paths())
	if g == nil {
		return nil, nil, errors.Join(err, kept)
	}
	r := &policyRejection{Digest: broken.Digest, Problems: broken.Diagnostics}
	if st, err := a.client().Status(ctx); err == nil && st.Policy.Rejected == r.Digest {
		r.Since = st.Policy.RejectedSince
	}
	return g, r, nil
}

func printInForce(s *screen, g *engine.Generation, rejected *policyRejection) {
	s.line("policies  %s", short(g.Digest()))
	if rejected != nil {
		when := ""
		if rejected.Since != nil {
			when = " " + ago(rejected.Since, time.Now())
		}
		s.line("%s  an edit (%s) was rejected%s; the last good ones decide", s.red("rejected"), short(rejected.Digest), when)
		for _, d := range rejected.Problems {
			s.line("%s  %s", s.red("problem"), d)
		}
	}
	s.line("")
}

func printPolicies(s *screen, g *engine.Generation) {
	rows := [][]string{{"CONDITION", "UNMET", "CLEARS BY", "NEEDED FOR", "WHAT IT ASKS"}}
	for _, c := range g.Conditions() {
		unmet := s.yellow("wait")
		if c.Denies {
			unmet = s.red("deny")
		}
		if len(c.RequiredFor) == 0 {
			unmet = s.faint("unused")
		}
		rows = append(rows, []string{s.bold(c.Name), unmet, c.ClearsBy, orNone(c.RequiredFor), c.Title})
	}
	s.table(rows...)
	s.line("")
	rows = [][]string{{"THRESHOLD", "VALUE", "SET IN"}}
	for _, t := range g.Thresholds() {
		rows = append(rows, []string{s.bold(t.Key), fmt.Sprint(t.Value), s.faint(t.Origin)})
	}
	s.table(rows...)
}

// policyReport is the result of lull policy check.
type policyReport struct {
	OK        bool                `json:"ok"`    // they load, and no problem is an error
	Loads     bool                `json:"loads"` // they can be in force
	Digest    string              `json:"digest,omitempty"`
	Problems  []engine.Diagnostic `json:"problems"`
	LeftToOPA []engine.Uncompiled `json:"left_to_opa,omitempty"` // conditions that re-checks cannot see through
}

func (a *app) policyCheckCommand(dirs *[]string) *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR…]", Short: "Find what is wrong with the policies before the daemon does",
		Long: `Compiles the policies as the daemon does, strictly and against the schema of the
input, checks every threshold and requirement, and finds rules that could take
silence for a yes. Exits with 13 when anything is an error; what the daemon would
not load at all is called broken, what it loads and should not, unsafe. DIR is
short for --policies DIR.`,
		RunE: func(c *cobra.Command, args []string) error {
			rep, err := a.policyCheck(c.Context(), append(*dirs, args...))
			if err != nil {
				return err
			}
			if err := a.show("PolicyCheck", rep, func(s *screen) { printPolicyReport(s, rep) }); err != nil || rep.OK {
				return err
			}
			return exit(exitPolicy)
		},
	}
}

func (a *app) policyCheck(ctx context.Context, dirs []string) (policyReport, error) {
	eng, err := a.engine(ctx, dirs)
	var broken *engine.LoadError
	if errors.As(err, &broken) {
		return policyReport{Digest: broken.Digest, Problems: broken.Diagnostics}, nil
	}
	if err != nil {
		return policyReport{}, err
	}
	g := eng.Generation()
	rep := policyReport{Loads: true, Digest: g.Digest(), Problems: g.Check(), LeftToOPA: g.Uncompiled(ctx)}
	if rep.Problems == nil {
		rep.Problems = []engine.Diagnostic{}
	}
	rep.OK = !slices.ContainsFunc(rep.Problems, func(d engine.Diagnostic) bool { return d.Severity == engine.SeverityError })
	return rep, nil
}

func printPolicyReport(s *screen, rep policyReport) {
	for _, d := range rep.Problems {
		severity := d.Severity
		switch d.Severity {
		case engine.SeverityError:
			severity = s.red(severity)
		case engine.SeverityWarning:
			severity = s.yellow(severity)
		}
		s.line("%s%s: %s", diagnosticPlace(d), severity, d.Message)
		if d.Hint != "" {
			s.line("  hint: %s", d.Hint)
		}
	}
	if len(rep.LeftToOPA) > 0 {
		var names []string
		for _, u := range rep.LeftToOPA {
			names = append(names, u.Condition)
		}
		s.line("note: re-checks of %s ask OPA itself, as no plain comparisons say the same; -o json tells why", strings.Join(names, ", "))
	}
	switch {
	case rep.OK:
		s.line("%s  the policies load (%s)", s.green("ok"), short(rep.Digest))
	case rep.Loads:
		s.line("%s  the policies load (%s), but the errors above are to be mended first", s.red("unsafe"), short(rep.Digest))
	default:
		s.line("%s  the policies do not load; a running daemon keeps the last good ones", s.red("broken"))
	}
}

// diagnosticPlace is the place that a line about a problem begins with, "" for a
// problem of the set as a whole.
func diagnosticPlace(d engine.Diagnostic) string {
	switch {
	case d.Line > 0 && d.Column > 0:
		return fmt.Sprintf("%s:%d:%d: ", d.File, d.Line, d.Column)
	case d.Line > 0:
		return fmt.Sprintf("%s:%d: ", d.File, d.Line)
	case d.File != "":
		return d.File + ": "
	}
	return ""
}

func (a *app) policyTestCommand(dirs *[]string) *cobra.Command {
	return &cobra.Command{
		Use: "test [DIR…]", Short: "Run the *_test.rego files of the policies, and of each DIR",
		RunE: func(c *cobra.Command, args []string) error {
			layers := runner.PolicyLayers(a.paths())
			if len(*dirs) > 0 {
				layers = layers[:1]
				for _, d := range *dirs {
					layers = append(layers, engine.Layer{Name: d, FS: os.DirFS(d)})
				}
			}
			var tests []engine.Layer
			for _, d := range args {
				tests = append(tests, engine.Layer{Name: d, FS: os.DirFS(d)})
			}
			rep, err := engine.Test(c.Context(), layers, tests, runner.CheckSchemaOf(a.paths()))
			if err != nil {
				return coded(exitPolicy, err, "lull policy check shows every problem")
			}
			return a.showTests(rep)
		},
	}
}

func (a *app) showTests(rep engine.TestReport) error {
	body := map[string]any{"passed": rep.Passed, "failed": rep.Failed, "skipped": rep.Skipped, "results": rep.Results}
	err := a.show("PolicyTest", body, func(s *screen) {
		for _, r := range rep.Results {
			if !r.Passed {
				s.line("%s:%d: %s %s %s", r.File, r.Line, s.red("FAIL"), r.Name, r.Error)
			}
		}
		s.line("%d passed, %d failed, %d skipped", rep.Passed, rep.Failed, rep.Skipped)
		if len(rep.Results) == 0 {
			s.line("%s", s.faint("no *_test.rego file was found"))
		}
	})
	if err == nil && rep.Failed > 0 {
		return exit(exitFailed)
	}
	return err
}

func (a *app) policyExportCommand(dirs *[]string) *cobra.Command {
	return &cobra.Command{
		Use: "export DIR", Short: "Write the policies in force as one tree for stock OPA", Args: exactly("DIR"),
		Long: `Writes every rule and data file in force into DIR, which must be empty or absent;
while the files are broken, those of the last good policies, and says so. Stock OPA
decides the same on it:

  opa eval -d DIR -i input.json data.eligibility.decision`,
		RunE: func(c *cobra.Command, args []string) error {
			if left, err := os.ReadDir(args[0]); err == nil && len(left) > 0 {
				return coded(exitFailed, fmt.Errorf("export: %s is not empty", args[0]), "name a directory that is empty or does not exist")
			}
			g, rejected, err := a.policiesInForce(c.Context(), *dirs)
			if err != nil {
				return err
			}
			if err := g.Export(args[0]); err != nil {
				return err
			}
			res := map[string]any{"dir": args[0], "digest": g.Digest(), "at": time.Now().UTC().Format(time.RFC3339)}
			if rejected != nil {
				res["rejected"] = rejected
			}
			return a.show("PolicyExport", res, func(s *screen) {
				if rejected != nil {
					s.line("the files are broken, as lull policy check shows; these are the last good policies, which decide")
				}
				s.line("wrote the policies in force to %s", args[0])
			})
		},
	}
}
