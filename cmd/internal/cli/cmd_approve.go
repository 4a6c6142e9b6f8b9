package cli

import (
	"github.com/lullhq/lull/runner/control"
	"github.com/spf13/cobra"
)

func (a *app) approveCommand() *cobra.Command {
	metered := false
	c := a.verb("approve", "Let an update run although the user is here",
		`Waives the soft conditions of the policies (user away, not busy, …) for an
updater's next scan and the updates it has found so far (ID), or for one update
(ID/UPDATE), for 24 hours. What a scan finds later waits as ever. What protects the machine, such as power, space and signatures, is never waived.`,
		func() (control.Request, error) { return control.Request{Metered: metered}, nil })
	c.Flags().BoolVar(&metered, "metered", false, "allow a network that is paid by volume as well")
	return c
}
