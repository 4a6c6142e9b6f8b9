package cli

import "github.com/spf13/cobra"

func (a *app) uninstallCommand() *cobra.Command {
	return a.verb("uninstall", "Have an updater remove what it installed",
		"Runs the updater's own uninstall action when the policies let it. To forget the\nupdater as well, unregister it afterwards.", nothing)
}
