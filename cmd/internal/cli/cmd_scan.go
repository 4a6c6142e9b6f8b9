package cli

import "github.com/spf13/cobra"

func (a *app) scanCommand() *cobra.Command {
	return a.verb("scan", "Look for updates of an updater soon",
		"Asks for a scan before its time. The policies still decide when it runs.", nothing)
}
