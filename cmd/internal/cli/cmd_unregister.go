package cli

import "github.com/spf13/cobra"

func (a *app) unregisterCommand() *cobra.Command {
	return &cobra.Command{
		Use: "unregister ID", Short: "Forget an updater", Args: exactly("ID"), ValidArgsFunction: a.completeIDs,
		Long: `Drops an updater. What it installed stays. So does the highest version that was
ever registered: an older package of the same updater is refused later too.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.done(a.client().Unregister(c.Context(), args[0]))
		},
	}
}
