package cli

import "github.com/spf13/cobra"

func (a *app) unholdCommand() *cobra.Command {
	return a.verb("unhold", "Take an updater off hold", "", nothing)
}
