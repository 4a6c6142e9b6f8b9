package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/spf13/cobra"
)

func (a *app) holdCommand() *cobra.Command {
	length := ""
	c := a.verb("hold", "Let nothing of an updater start", "Puts an updater on hold, until it is unheld or for a while.",
		func() (r control.Request, err error) {
			if length == "" {
				return r, nil
			}
			d, err := parseSpan(length)
			if err != nil {
				return r, err
			}
			until := time.Now().Add(d)
			r.Until = &until
			return r, nil
		})
	c.Example = "  lull hold com.example.reader --for 7d"
	c.Flags().StringVar(&length, "for", "", "how long, as `7d`, 12h or 90m; without it, until unheld")
	return c
}

// parseSpan reads a positive Go duration, with d for days as well.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 3650 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
		return 0, usage("--for %s: use a number of days up to 3650, as 7d", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usage("--for %s: use a length such as 7d, 12h or 90m", text)
	}
	return d, nil
}
