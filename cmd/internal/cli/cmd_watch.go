package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Follow what happens, as it happens", Args: exactly(),
		Long: "Prints every journal record from now on, until interrupted. With -o json each is\none line.",
		RunE: func(c *cobra.Command, _ []string) error {
			s := a.screen(a.out)
			return a.remote(a.client().Events(c.Context(), func(raw json.RawMessage) error {
				if a.format == formatText {
					s.line("%s", recordLine(s, raw))
					return nil
				}
				_, err := a.out.Write(append(append([]byte{}, raw...), '\n'))
				return err
			}))
		},
	}
}
