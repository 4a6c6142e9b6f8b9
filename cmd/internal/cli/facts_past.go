package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/spf13/cobra"
)

// factDesc is one fact as lull facts --describe prints it.
type factDesc struct {
	facts.Desc
	MaxAge float64 `json:"max_age_seconds,omitempty"` // absent: never stale
}

// describeFacts prints what there is to know, whether or not this machine can
// tell.
func (a *app) describeFacts(names []string) error {
	list := []factDesc{}
	types, err := facts.LocalCatalogue(a.paths().FactTypes...)
	if err != nil {
		a.screen(a.err).line("lull: warning: %v", err)
	}
	if err := knownFacts(names, types); err != nil {
		return err
	}
	for _, d := range append(facts.Catalogue(), types...) {
		if named(string(d.ID), names) {
			list = append(list, factDesc{d, d.MaxAge.Seconds()})
		}
	}
	return a.show("FactCatalogue", map[string]any{"facts": list}, func(s *screen) {
		for _, d := range list {
			kind := string(d.Type)
			if d.Unit != "" {
				kind += ", " + d.Unit
			}
			if len(d.Enum) > 0 {
				kind += ": " + strings.Join(d.Enum, ", ")
			}
			s.line("%s  %s", s.bold(string(d.ID)), s.faint(kind))
			s.line("    %s", d.Help)
		}
	})
}

// knownFacts refuses names of which no fact is, in the catalogue or among the
// administrator's own, with the nearest ones.
func knownFacts(names []string, local []facts.Desc) error {
	near := &cobra.Command{SuggestionsMinimumDistance: 2}
	var ids []string
	for _, d := range append(facts.Catalogue(), local...) {
		ids = append(ids, string(d.ID))
		near.AddCommand(&cobra.Command{Use: string(d.ID), Run: func(*cobra.Command, []string) {}})
	}
	for _, n := range names {
		if slices.ContainsFunc(ids, func(id string) bool { return named(id, []string{n}) }) {
			continue
		}
		hint := "lull facts lists them all"
		if like := near.SuggestionsFor(n); len(like) > 0 {
			hint = "did you mean: " + strings.Join(like, ", ") + "?"
		}
		return hinted(usage("no fact is named %s", n), hint)
	}
	return nil
}

// factChange is one moment of the record: a null became unknown then.
type factChange struct {
	Time  time.Time      `json:"time"`
	Facts map[string]any `json:"facts"`
}

// pastFacts prints how facts changed, from the record that the daemon keeps.
func (a *app) pastFacts(length string, names []string) error {
	d, err := parseSpan(length)
	if err != nil {
		return usage("--since %s: use a length such as 7d, 12h or 90m", length)
	}
	for _, n := range names { // the administrator's own may be gone since
		if own := string(facts.LocalFacts); n != own && !strings.HasPrefix(n, own+".") {
			if err := knownFacts([]string{n}, nil); err != nil {
				return err
			}
		}
	}
	if err := mayRead(a.paths().FactsLog); err != nil {
		return coded(exitFailed, fmt.Errorf("what the daemon recorded cannot be read: %w", err), "run it as root: sudo lull facts --since "+length)
	}
	list := []factChange{}
	for rec := range facts.ReadRecords(a.paths().FactsLog, time.Now().Add(-d)) {
		c := factChange{rec.Time.UTC(), map[string]any{}}
		for id, v := range rec.Facts {
			if named(id, names) {
				c.Facts[id] = v
			}
		}
		if len(c.Facts) > 0 {
			list = append(list, c)
		}
	}
	return a.show("FactHistory", map[string]any{"changes": list}, func(s *screen) { printPastFacts(s, list) })
}

// mayRead reports why something in a directory may not be read, nil where there
// is nothing.
func mayRead(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		f, openErr := os.Open(filepath.Join(dir, e.Name()))
		if err = errors.Join(err, openErr); openErr == nil {
			f.Close()
		}
	}
	return err
}

func printPastFacts(s *screen, list []factChange) {
	for _, c := range list {
		s.line("%s", s.faint(c.Time.Local().Format(time.DateTime)))
		for _, id := range slices.Sorted(maps.Keys(c.Facts)) {
			d, _ := facts.Describe(facts.ID(id))
			s.line("    %s  %s", id, s.bold(recorded(c.Facts[id], d.Unit)))
		}
	}
	if len(list) == 0 {
		s.line("%s", s.faint("nothing is recorded; the daemon records facts while something waits for them"))
	}
}

// recorded writes a value of the record, which came through JSON.
func recorded(v any, unit string) string {
	switch n := v.(type) {
	case nil:
		return "unknown"
	case []any:
		words := []string{}
		for _, e := range n {
			words = append(words, fmt.Sprint(e))
		}
		return quantity(words, unit)
	}
	return quantity(v, unit)
}
