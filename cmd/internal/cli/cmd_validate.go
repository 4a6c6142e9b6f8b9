package cli

import (
	"fmt"
	"os"

	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "validate DIR", Short: "Find everything that registering a package would refuse", Args: exactly("DIR"),
		Long: "Checks a package against the vendors of this machine without storing anything, and\nlists every problem at once.",
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := os.Stat(args[0]); err != nil {
				return coded(exitFailed, fmt.Errorf("validate: %w", err), "name a package directory")
			}
			t, err := a.trust()
			if err != nil {
				return err
			}
			defer t.Close()
			problems := t.Inspect(c.Context(), args[0])
			if problems == nil {
				problems = []trust.Problem{}
			}
			body := map[string]any{"ok": len(problems) == 0, "dir": args[0], "problems": problems}
			err = a.show("Validation", body, func(s *screen) {
				printProblems(s, problems)
				if len(problems) == 0 {
					s.line("%s  %s would be registered", s.green("ok"), args[0])
				}
			})
			if err == nil && len(problems) > 0 {
				return exit(exitDenied)
			}
			return err
		},
	}
}
