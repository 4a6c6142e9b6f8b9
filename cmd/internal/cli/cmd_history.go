package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/journal"
	"github.com/spf13/cobra"
)

func (a *app) historyCommand() *cobra.Command {
	var q control.HistoryQuery
	since := ""
	c := &cobra.Command{
		Use: "history", Short: "What lull did and why, from the journal", Args: exactly(),
		Long:    "Prints records of the journal, oldest first. Without a daemon the journal itself is read.",
		Example: "  lull history --since 24h\n  lull history --updater com.example.reader --kind started,finished",
		RunE: func(c *cobra.Command, _ []string) error {
			if since != "" {
				d, err := parseSpan(since)
				if err != nil {
					return usage("--since %s: use a length such as 7d, 12h or 90m", since)
				}
				q.Since = time.Now().Add(-d)
			}
			return a.history(c.Context(), q)
		},
	}
	f := c.Flags()
	f.StringVar(&since, "since", "", "only what is younger than `7d`, 12h or 90m")
	f.StringVar(&q.Updater, "updater", "", "only records about the updater `ID`")
	f.StringSliceVar(&q.Kinds, "kind", nil, "only records of these `KINDS`")
	f.IntVar(&q.Limit, "limit", control.DefaultHistory, "at most so many, the newest")
	return c
}

func (a *app) history(ctx context.Context, q control.HistoryQuery) error {
	h, err := a.client().History(ctx, q)
	var e *control.Error
	if errors.As(err, &e) && e.Code == control.CodeUnreachable {
		h, err = runner.ReadHistory(ctx, a.paths(), q)
	}
	var damage *journal.Damage
	if errors.As(err, &damage) {
		return hinted(fmt.Errorf("the journal is damaged: %w", err), "start lull: it keeps the damaged file aside and goes on from what is good")
	}
	if err != nil {
		return a.remote(err)
	}
	return a.show("History", h, func(s *screen) {
		for _, raw := range h.Records {
			s.line("%s", recordLine(s, raw))
		}
		if h.More {
			s.line("%s", s.faint("older records were left out; see --limit"))
		}
	})
}

// recordBody are the members of the bodies of records that the text shows.
type recordBody struct {
	Updater  string  `json:"updater"`
	Update   string  `json:"update"`
	Action   string  `json:"action"`
	Version  string  `json:"version"`
	Vendor   string  `json:"vendor"`
	Outcome  string  `json:"outcome"`
	Message  string  `json:"message"`
	Why      string  `json:"why"`
	Reason   string  `json:"reason"`
	Error    string  `json:"error"`
	Code     string  `json:"code"`
	Digest   string  `json:"digest"`
	Stage    string  `json:"stage"`
	CPU      float64 `json:"cpu_seconds"`
	Written  float64 `json:"bytes_written"`
	Updates  []any   `json:"updates"`
	Decision *struct {
		Verdict  string   `json:"verdict"`
		DeniedBy []string `json:"denied_by"`
		WaitsFor []string `json:"waits_for"`
	} `json:"decision"`
}

// recordLine is one journal record on one line.
func recordLine(s *screen, raw json.RawMessage) string {
	var r journal.Record
	var b recordBody
	if json.Unmarshal(raw, &r) != nil || json.Unmarshal(r.Body, &b) != nil && len(r.Body) > 0 {
		return string(raw)
	}
	subject := strings.TrimSpace(strings.Join([]string{b.Action, slashed(b.Updater, b.Update)}, " "))
	text := s.faint(r.Time.Local().Format("2006-01-02 15:04:05")) + fmt.Sprintf(" %4d ", r.Seq) + s.bold(fmt.Sprintf("%-16s", r.Kind)) + " " + subject
	if detail := b.detail(r.Kind); detail != "" {
		text += strings.Repeat(" ", 2*min(len(subject), 1)) + detail
	}
	return strings.TrimRight(text, " ")
}

func slashed(updater, update string) string {
	if update == "" {
		return updater
	}
	return updater + "/" + update
}

// detail is the rest of the line: what the record of this kind is read for.
func (b recordBody) detail(kind string) string {
	switch kind {
	case "registered":
		return b.Version + " of vendor " + b.Vendor
	case "scanned":
		return fmt.Sprintf("%d updates", len(b.Updates))
	case "decided":
		if b.Decision != nil {
			return strings.TrimSpace(b.Decision.Verdict + "  " + strings.Join(append(b.Decision.DeniedBy, b.Decision.WaitsFor...), ", "))
		}
	case "finished":
		text := fmt.Sprintf("%s, %.2f s CPU, %s written", b.Outcome, b.CPU, size(b.Written))
		if b.Message != "" {
			text += ": " + b.Message
		}
		return text
	case "refused":
		return b.Code + ": " + b.Error
	case "policy_loaded", "vendors_loaded", "policy_rejected":
		return short(b.Digest)
	}
	for _, text := range []string{b.Why, b.Reason, b.Message, b.Error} {
		if text != "" {
			return text
		}
	}
	return ""
}
