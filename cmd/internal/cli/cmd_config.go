package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lullhq/lull/runner/config"
	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Show the configuration", Args: verbs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	origin := false
	show := &cobra.Command{
		Use: "show", Short: "Show the configuration in force and where everything is", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if origin {
				return a.origins(c.Context())
			}
			p := a.paths()
			cfg, err := config.Load(p)
			if err != nil {
				return err
			}
			body := map[string]any{"config": cfg, "paths": map[string]any{
				"config": p.ConfigFiles, "policies": p.PolicyDirs, "vendors": p.VendorDirs, "roots": p.RootDirs,
				"updaters": p.UpdaterDirs, "facts": p.FactsLocal, "fact_types": p.FactTypes, "state": p.State, "socket": p.Socket,
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
	}
	show.Flags().BoolVar(&origin, "origin", false, "show the file and line that set each value, thresholds of the policies too")
	c.AddCommand(show)
	return c
}

// setting is one value and where it was set.
type setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"` // LAYER/FILE:LINE, or default
}

// origins prints every key of the configuration and every threshold.
func (a *app) origins(ctx context.Context) error {
	cfg, err := config.Load(a.paths())
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx, nil)
	if err != nil {
		return err
	}
	data, err := marshal(cfg)
	if err != nil {
		return err
	}
	values := map[string]any{}
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	list := []setting{}
	for _, k := range config.Keys {
		one := setting{k.Name, values[k.Name], cfg.Origin(k.Name)}
		if one.Origin == "" {
			one.Value, one.Origin = k.Default, "default"
		}
		list = append(list, one)
	}
	for _, t := range eng.Generation().Thresholds() {
		list = append(list, setting{"thresholds." + t.Key, t.Value, t.Origin})
	}
	return a.show("ConfigOrigins", map[string]any{"settings": list}, func(s *screen) {
		rows := [][]string{{"KEY", "VALUE", "SET IN"}}
		for _, one := range list {
			rows = append(rows, []string{s.bold(one.Key), fmt.Sprint(one.Value), s.faint(one.Origin)})
		}
		s.table(rows...)
	})
}
