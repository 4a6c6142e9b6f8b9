package cli

import (
	"time"

	"github.com/spf13/cobra"
)

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the registered updaters", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			u, err := a.client().Updaters(c.Context())
			if err != nil {
				return a.remote(err)
			}
			return a.show("UpdaterList", u, func(s *screen) {
				rows := [][]string{{"UPDATER", "VERSION", "VENDOR", "ARTIFACTS", "STATE", "LAST SCAN"}}
				for _, one := range u.Updaters {
					rows = append(rows, []string{one.ID, one.Version, one.Vendor, one.Artifacts, s.state(one.State), ago(one.LastScan, time.Now())})
				}
				s.table(rows...)
			})
		},
	}
}
