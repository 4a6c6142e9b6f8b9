package cli

import (
	"github.com/lullhq/lull/runner/config"
	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Show the configuration", Args: verbs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "show", Short: "Show the configuration in force and where everything is", Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			p := a.paths()
			cfg, err := config.Load(p)
			if err != nil {
				return err
			}
			body := map[string]any{"config": cfg, "paths": map[string]any{
				"config": p.ConfigFiles, "policies": p.PolicyDirs, "vendors": p.VendorDirs, "roots": p.RootDirs,
				"updaters": p.UpdaterDirs, "facts": p.FactsLocal, "state": p.State, "socket": p.Socket,
			}}
			return a.show("Config", body, func(s *screen) {
				s.line("# later files win: %s", orNone(p.ConfigFiles))
				data, err := document("Config", body)
				if err == nil {
					data, err = toYAML(data)
				}
				if err == nil {
					_, _ = s.w.Write(data)
				}
			})
		},
	})
	return c
}
