package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/spf13/cobra"
)

// factEntry is one fact as lull facts prints it. Value is absent unless state
// is "known"; then why is absent.
type factEntry struct {
	ID      string  `json:"id"`
	State   string  `json:"state"` // known, unknown or not_applicable
	Value   any     `json:"value,omitempty"`
	Unit    string  `json:"unit,omitempty"`
	Source  string  `json:"source,omitempty"`
	Quality string  `json:"quality,omitempty"`
	Age     float64 `json:"age_seconds"`
	Why     string  `json:"why,omitempty"`
	Help    string  `json:"help"`
}

func (a *app) factsCommand() *cobra.Command {
	target, since, capture, describe := "", "", "", false
	c := &cobra.Command{
		Use: "facts [NAME…]", Short: "What is true of this machine now, or was",
		Long: `Prints every fact lull can read on this machine, or those whose name starts
with NAME. A fact that cannot be known says why; it never counts as zero, no or
yes. Policies read facts as input.facts.NAME.

With --capture it writes this machine to a file from which its facts can be
computed elsewhere, for a report of one that is wrong. The file is made of listed
words and numbers only; names that people give are replaced by numbered ones.`,
		Example: "  lull facts\n  lull facts presence power.on_ac\n  lull facts --target /srv storage\n  lull facts --since 12h power\n  sudo lull facts --capture machine.txtar",
		RunE: func(c *cobra.Command, args []string) error {
			for _, flag := range []string{"since", "capture"} {
				if f := c.Flags().Lookup(flag); f.Changed && f.Value.String() == "" {
					return hinted(usage("--%s is empty", flag), "see lull facts --help")
				}
			}
			switch {
			case describe && since != "":
				return usage("--describe and --since do not go together")
			case capture != "" && (describe || since != "" || len(args) > 0 || c.Flags().Changed("target")):
				return usage("--capture takes the whole machine as it is now: leave out --describe, --since, --target and names")
			case capture != "":
				return a.captureMachine(c.Context(), capture)
			case describe:
				return a.describeFacts(args)
			case since != "":
				return a.pastFacts(since, args)
			}
			return a.facts(c.Context(), target, args)
		},
	}
	c.Flags().BoolVar(&describe, "describe", false, "tell what each fact means, with its type and unit, instead of its value")
	c.Flags().StringVar(&since, "since", "", "tell how the facts changed in the last `7d`, 12h or 90m, as the daemon recorded them")
	c.Flags().StringVar(&capture, "capture", "", "write this machine, without anybody's names, to `FILE` (- for stdout); root sees more of it")
	c.Flags().StringVar(&target, "target", "/", "the `DIR` whose disk the storage facts are about")
	return c
}

// captureMachine writes the machine to file, whole or not at all.
func (a *app) captureMachine(ctx context.Context, file string) error {
	var archive bytes.Buffer
	if err := facts.Capture(ctx, &archive, "/"); err != nil {
		return err
	}
	if file == "-" {
		_, err := a.out.Write(archive.Bytes())
		return err
	}
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		return hinted(usage("%s is a directory", file), "lull facts --capture "+filepath.Join(file, "machine.txtar"))
	}
	if err := replaceFile(file, archive.Bytes(), 0o644); err != nil {
		return coded(exitFailed, fmt.Errorf("the capture was not written to %s: %w", file, err), "name a file in a directory that is there and that you may write to, or - for standard output")
	}
	more := ""
	if os.Geteuid() > 0 {
		more = "; root would have seen more"
	}
	a.screen(a.err).line("wrote %s: read it before you give it away%s", file, more)
	return nil
}

func (a *app) facts(ctx context.Context, target string, names []string) error {
	g, err := facts.New(facts.Options{LocalDir: a.paths().FactsLocal, LocalTypes: a.paths().FactTypes})
	if err != nil {
		return err
	}
	defer g.Close()
	types, err := facts.LocalCatalogue(a.paths().FactTypes...)
	if err != nil {
		a.screen(a.err).line("lull: warning: %v", err)
	}
	snap := g.Snapshot(ctx, nil, facts.Target{Path: target})
	if err := knownFacts(names, localDescs(snap, types)); err != nil {
		return err
	}
	list := factEntries(snap, types, names)
	return a.show("FactList", map[string]any{"facts": list}, func(s *screen) { printFacts(s, list) })
}

func factEntries(snap facts.Snapshot, types []facts.Desc, names []string) []factEntry {
	list := []factEntry{}
	for _, d := range append(facts.Catalogue(), localDescs(snap, types)...) {
		if !named(string(d.ID), names) {
			continue
		}
		v := snap.Get(d.ID)
		e := factEntry{ID: string(d.ID), State: string(v.State), Unit: d.Unit, Source: v.Source, Quality: v.Quality, Help: d.Help}
		if v.State == facts.Known {
			e.Value = v.V
			if !v.At.IsZero() {
				e.Age = max(0, snap.At().Sub(v.At).Round(time.Millisecond).Seconds())
			}
		} else {
			e.Why = v.Why
		}
		list = append(list, e)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list
}

// localDescs describes the administrator's own facts: those that have a type
// and those that are there.
func localDescs(snap facts.Snapshot, types []facts.Desc) []facts.Desc {
	for _, id := range snap.Local() {
		if !slices.ContainsFunc(types, func(d facts.Desc) bool { return d.ID == id }) {
			types = append(types, facts.Desc{ID: id, Help: "The administrator's own fact, of which no type is declared."})
		}
	}
	return types
}

// named reports whether id is one of names or below one of them.
func named(id string, names []string) bool {
	for _, n := range names {
		n = strings.TrimPrefix(strings.TrimPrefix(n, "input."), "facts.")
		if id == n || strings.HasPrefix(id, strings.TrimSuffix(n, ".")+".") {
			return true
		}
	}
	return len(names) == 0
}

func printFacts(s *screen, list []factEntry) {
	var rows [][]string
	for _, e := range list {
		switch e.State {
		case string(facts.Known):
			from := e.Source
			if e.Quality != "" && e.Quality != "good" {
				from += " (" + e.Quality + ")"
			}
			rows = append(rows, []string{e.ID, s.bold(quantity(e.Value, e.Unit)), s.faint(from)})
		default:
			rows = append(rows, []string{e.ID, s.yellow(strings.ReplaceAll(e.State, "_", " ")), s.faint(e.Why)})
		}
	}
	s.table(rows...)
}

// quantity writes a value with its unit as people read it.
func quantity(v any, unit string) string {
	switch n := v.(type) {
	case bool:
		if n {
			return "yes"
		}
		return "no"
	case string:
		return n
	case []string:
		if len(n) == 0 {
			return "none"
		}
		return strings.Join(n, ", ")
	case int64:
		return number(float64(n), unit)
	case float64:
		return number(n, unit)
	}
	return fmt.Sprint(v)
}

func number(n float64, unit string) string {
	switch unit {
	case "seconds", "s":
		return span(time.Duration(n * float64(time.Second)))
	case "bytes":
		return size(n)
	case "percent":
		return strconv.FormatFloat(n, 'f', -1, 64) + " %"
	}
	return strconv.FormatFloat(n, 'g', 4, 64)
}

// size writes bytes in binary units.
func size(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 || n >= 100 {
		return fmt.Sprintf("%.0f %s", n, units[i])
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + span(-d)
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return pair(int(d/time.Minute), "min", int(d%time.Minute/time.Second), "s")
	case d < 24*time.Hour:
		return pair(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	}
	return pair(int(d/(24*time.Hour)), "d", int(d%(24*time.Hour)/time.Hour), "h")
}

func pair(n int, unit string, m int, small string) string {
	if m == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return fmt.Sprintf("%d %s %d %s", n, unit, m, small)
}
