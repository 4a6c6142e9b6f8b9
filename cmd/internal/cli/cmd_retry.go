package cli

import "github.com/spf13/cobra"

func (a *app) retryCommand() *cobra.Command {
	return a.verb("retry", "Try again what failed or needs attention",
		"Clears the failures of an updater (ID) or of one of its updates (ID/UPDATE), so that\nit is tried again when the policies let it.", nothing)
}
