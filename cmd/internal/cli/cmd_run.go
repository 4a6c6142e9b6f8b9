package cli

import (
	"context"
	"runtime/debug"

	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/config"
	"github.com/spf13/cobra"
)

func (a *app) runCommand() *cobra.Command {
	demo, keep := false, false
	c := &cobra.Command{
		Use: "run", Short: "Run the daemon, or a demonstration of it", Args: exactly(),
		Long: `Runs the daemon until it is interrupted. With --demo, shows all of lull in a
throwaway directory within a minute: real facts, real policies, a real signed
updater; nothing outside that directory is touched and nothing is left behind.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if demo {
				return a.demo(c.Context(), keep)
			}
			if keep {
				return usage("--keep goes with --demo")
			}
			return a.daemon(c.Context())
		},
	}
	c.Flags().BoolVar(&demo, "demo", false, "show what lull does, in a throwaway directory")
	c.Flags().BoolVar(&keep, "keep", false, "with --demo: leave the directory for a look")
	return c
}

func (a *app) daemon(ctx context.Context) error {
	debug.SetGCPercent(daemonGC)
	paths := a.paths()
	cfg, err := config.Load(paths)
	if err != nil {
		return err
	}
	log, follow, err := a.logger(cfg)
	if err != nil {
		return err
	}
	r, err := runner.New(ctx, runner.Options{
		Paths: paths, Config: cfg, Changed: follow, Logger: log, Version: version().Version,
		Ready: func() { log.Info("ready", "socket", paths.Socket) },
		Rest:  (&memory{}).rest,
	})
	if err != nil {
		return err
	}
	return r.Run(ctx)
}
