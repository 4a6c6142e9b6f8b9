package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status [ID]", Short: "Everything at a glance", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				u, err := a.client().Updater(c.Context(), args[0])
				if err != nil {
					return a.remote(err)
				}
				return a.show("Updater", u, func(s *screen) { printUpdater(s, u, time.Now()) })
			}
			st, err := a.client().Status(c.Context())
			if err != nil {
				return a.remote(err)
			}
			return a.show("Status", st, func(s *screen) { a.printStatus(s, st, time.Now()) })
		},
	}
}

func (a *app) printStatus(s *screen, st control.Status, now time.Time) {
	s.line("lull %s, process %d, up %s, root %s", st.Version, st.PID, span(now.Sub(st.Since).Round(time.Second)), st.Root)
	s.line("policies  %s, in force for %s", short(st.Policy.Digest), span(max(0, now.Sub(st.Policy.Since)).Round(time.Second)))
	s.line("vendors   %s", orNone(st.Vendors.Names))
	s.line("journal   %d records", st.Journal.Records)
	s.line("sandbox   %s; memory limit %s", orNone(st.Sandbox.Layers), st.Sandbox.Memory)
	for _, w := range st.Warnings {
		s.line("%s  %s", s.yellow("warning"), w)
	}
	if len(st.Config.Problems) > 0 {
		s.line("%s  an edit of the configuration was rejected; the last good one is in force", s.red("rejected"))
	}
	if st.Policy.Rejected != "" {
		s.line("%s  an edit of the policies (%s) was rejected %s; the last good ones decide", s.red("rejected"), short(st.Policy.Rejected), ago(st.Policy.RejectedSince, now))
	}
	for _, p := range slices.Concat(st.Config.Problems, st.Policy.Problems, st.Vendors.Problems) {
		s.line("%s  %s", s.red("problem"), p)
	}
	if st.Journal.Recovered != "" {
		s.line("%s  the journal was damaged: %s", s.red("recovered"), st.Journal.Recovered)
	}
	s.line("")
	if len(st.Updaters) == 0 {
		s.line("No updater is registered. %s takes a signed package.", a.rooted("register DIR"))
	}
	for _, u := range st.Updaters {
		printUpdater(s, u, now)
	}
}

func printUpdater(s *screen, u control.Updater, now time.Time) {
	s.line("%s %s  %s  %s", s.bold(u.ID), u.Version, s.state(u.State), s.faint("vendor "+u.Vendor+", last scan "+ago(u.LastScan, now)))
	if u.Why != "" {
		s.line("  %s", u.Why)
	}
	if u.Artifacts == trust.BindingSelf {
		s.line("  artifacts: %s", bound(s, u.Artifacts))
	}
	if u.Current != nil {
		s.line("  %s", itemLine(s, *u.Current, now))
	}
	for _, up := range u.Updates {
		s.line("  %s %s  %s%s", up.ID, up.Version, s.state(up.State), tail(up))
	}
}

func tail(up control.Update) (text string) {
	if up.Step != "" {
		text += ", next " + up.Step
	}
	if up.Why != "" {
		text += ": " + up.Why
	}
	return text
}

// itemLine is an action and what is in its way.
func itemLine(s *screen, it control.Item, now time.Time) string {
	text := it.Action
	if it.Update != "" {
		text += " " + it.Update
	}
	text += "  " + s.state(it.State)
	if p := it.Progress; p != nil && p.Total > 0 {
		text += "  " + bar(p.Current, p.Total, 20)
	}
	if it.Error != "" {
		return text + "  " + it.Error
	}
	if why := append(append([]string{}, it.DeniedBy...), it.WaitsFor...); len(why) > 0 {
		text += "  for " + strings.Join(why, ", ")
	}
	if it.Check != nil {
		text += "  looks again " + ago(it.Check, now)
	}
	return text
}

// state colours a state and writes it in words.
func (s *screen) state(st control.State) string {
	text := strings.ReplaceAll(string(st), "_", " ")
	switch st {
	case control.Installed:
		return s.green(text)
	case control.Failed, control.Denied, control.NeedsAttention, control.Broken:
		return s.red(text)
	case control.Running, control.Verifying:
		return s.cyan(text)
	case control.Idle, control.Gone:
		return s.faint(text)
	}
	return s.yellow(text)
}

func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
