package cli

import (
	"github.com/lullhq/lull/facts/agent"
	"github.com/lullhq/lull/runner/config"
	"github.com/spf13/cobra"
)

func (a *app) agentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agent", Short: "Tell the daemon when this session's user is away", Args: exactly(),
		Long: `Runs in a user's graphical session, started by systemd there, until it is
terminated. It tells the daemon since when nobody has touched this session's
keyboard or mouse, and at once when somebody does again. It can make only its
own user look more present. While no daemon answers it says so and tries again.`,
		RunE: func(c *cobra.Command, _ []string) error {
			log, _, err := a.logger(config.Config{})
			if err != nil {
				return err
			}
			err = agent.Run(c.Context(), agent.Options{Socket: a.paths().AgentSocket, Logger: log})
			return hinted(err, "start it inside a graphical session: systemctl --user start lull-agent")
		},
	}
}
