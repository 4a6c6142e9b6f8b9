package cli

import (
	"strings"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/spf13/cobra"
)

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "why ID[/UPDATE]", Short: "Why something does not run, and what must change", Args: exactly("ID[/UPDATE]"),
		ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			id, update := splitSubject(args[0])
			w, err := a.client().Why(c.Context(), id, update)
			if err != nil {
				return a.remote(err)
			}
			return a.show("Why", w, func(s *screen) { printWhy(s, w, time.Now()) })
		},
	}
}

// splitSubject splits ID/UPDATE; without a slash the update is empty.
func splitSubject(arg string) (id, update string) {
	id, update, _ = strings.Cut(arg, "/")
	return id, update
}

// sinceWhen tells for how long a condition has been in the way.
func sinceWhen(since *time.Time, now time.Time) string {
	if since == nil {
		return ""
	}
	return "  for " + span(max(0, now.Sub(*since)).Round(time.Second))
}

// described is what the author of a rule says that it asks.
func described(u control.Unmet) string {
	if u.Description == "" {
		return ", which has no description"
	}
	return ", which says: " + u.Description
}

func printWhy(s *screen, w control.Why, now time.Time) {
	s.line("%s", w.Text)
	if w.Error != "" {
		s.line("  %s", s.red(w.Error))
	}
	for _, u := range w.Unmet {
		s.line("")
		s.line("  %s  %s%s", s.bold(u.Condition), u.Title, s.faint(sinceWhen(u.Since, now)))
		for i, n := range u.Needed {
			s.line("    %s  %s", []string{"needs", "or   "}[min(i, 1)], n)
		}
		for _, o := range u.Observed {
			s.line("    now    %s", o)
		}
		if u.Opaque {
			s.line("    what would meet it cannot be worked out from its rule, %s:%d%s", u.File, u.Line, described(u))
		}
		if u.Remedy != "" {
			s.line("    %s", s.faint(u.Remedy))
		}
	}
	if len(w.Changes) > 0 {
		s.line("")
		s.line("It would run with: %s", strings.Join(w.Changes, ", "))
	}
	if len(w.CannotClear) > 0 {
		s.line("")
		s.line("No change that lull could find makes it run: %s would still be in the way", strings.Join(w.CannotClear, ", "))
	}
	switch {
	case w.Earliest != nil:
		s.line("If nothing else changes, it may run %s, at %s", ago(w.Earliest, now), w.Earliest.Local().Format("2006-01-02 15:04:05"))
	case len(w.NotByTime) > 0:
		s.line("Time alone does not clear %s", strings.Join(w.NotByTime, ", "))
	case len(w.TimeUnclear) > 0:
		s.line("Whether time alone clears %s cannot be told", strings.Join(w.TimeUnclear, ", "))
	}
	if w.NextCheck != nil {
		s.line("%s", s.faint("lull looks again "+ago(w.NextCheck, now)+", or as soon as something changes"))
	}
}
