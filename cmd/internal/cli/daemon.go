package cli

import (
	"errors"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/spf13/cobra"
)

// client talks to the daemon of this root.
func (a *app) client() *control.Client { return control.NewClient(a.paths().Socket) }

// remote gives an error of the daemon the hint that fits this command line.
func (a *app) remote(err error) error {
	var e *control.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case control.CodeUnreachable:
		return hinted(err, "start the daemon with: "+a.rooted("run"))
	case control.CodeUnknown:
		return hinted(err, a.rooted("list")+" shows what is registered")
	}
	return err
}

// done prints what a verb did.
func (a *app) done(d control.Done, err error) error {
	if err != nil {
		return a.remote(err)
	}
	return a.show("Done", d, func(s *screen) { s.line("%s", d.Message) })
}

// verb is a command that asks one thing of one updater.
func (a *app) verb(use, short, long string, req func() (control.Request, error)) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID", Short: short, Long: long, Args: exactly("ID"), ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := req()
			if err != nil {
				return err
			}
			id, update := splitSubject(args[0])
			r.Update = update
			return a.done(a.client().Do(c.Context(), use, id, r))
		},
	}
}

func nothing() (control.Request, error) { return control.Request{}, nil }

// completeIDs offers the registered updaters to the shell.
func (a *app) completeIDs(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	u, err := a.client().Updaters(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, one := range u.Updaters {
		ids = append(ids, one.ID)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// ago writes how long since t, "never" for nil.
func ago(t *time.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	if d := now.Sub(*t); d > 0 {
		return span(d.Round(time.Second)) + " ago"
	}
	return "in " + span(t.Sub(now).Round(time.Second))
}
