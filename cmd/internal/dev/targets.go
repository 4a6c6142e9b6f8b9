package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// A target is one promise of DESIGN's table about what lull costs.
type target struct {
	Name  string
	What  string
	Limit float64 // the figure is to be at most this
	Peer  string  // what is measured beside it, or its figure in the table
	From  source
}

// A source measures one or several targets in one run, by their names. What
// it cannot measure here it leaves out, and says why in the error.
type source func(ctx context.Context) (map[string]figure, error)

// A figure is one measured value, with the peer's from the same run.
type figure struct {
	Value float64
	Peer  string // the peer's own figure, "" where none was measured
}

// A result is one line of the report, and the shape of -o json.
type result struct {
	Name   string   `json:"name"`
	What   string   `json:"what"`
	Figure *float64 `json:"figure"` // null: not measured
	Target float64  `json:"target"`
	Met    *bool    `json:"met"`
	Peer   string   `json:"peer,omitempty"`
	Why    string   `json:"why_not_measured,omitempty"`
}

func cmdTargets(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("targets", flag.ContinueOnError)
	form := fs.String("o", "text", "text or json")
	if err := fs.Parse(args); err != nil {
		return err
	}
	chosen, err := chooseTargets(fs.Args())
	if err != nil {
		return err
	}
	if err := useTools(); err != nil {
		return err
	}
	return report(os.Stdout, *form, measureAll(ctx, chosen))
}

// chooseTargets keeps the named targets; a name may also be a room: "trust".
func chooseTargets(names []string) ([]target, error) {
	if len(names) == 0 {
		return targets, nil
	}
	var chosen []target
	for _, n := range names {
		before := len(chosen)
		for _, t := range targets {
			if t.Name == n || len(t.Name) > len(n) && t.Name[:len(n)+1] == n+"." {
				chosen = append(chosen, t)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("no target %q; leave the name out to see them all", n)
		}
	}
	return chosen, nil
}

// measureAll runs each source once, however many of its targets are chosen.
func measureAll(ctx context.Context, chosen []target) []result {
	var out []result
	done := map[string]outcome{}
	for _, t := range chosen {
		group := sourceName(t)
		if _, ok := done[group]; !ok {
			fmt.Fprintf(os.Stderr, "dev: measuring %s\n", group)
			figures, err := t.From(ctx)
			done[group] = outcome{figures, err}
		}
		out = append(out, done[group].result(t))
	}
	return out
}

type outcome struct {
	figures map[string]figure
	err     error
}

func (o outcome) result(t target) result {
	r := result{Name: t.Name, What: t.What, Target: t.Limit, Peer: t.Peer}
	f, ok := o.figures[t.Name]
	if !ok {
		r.Why = firstLine(errors.Join(o.err, errors.New("its source gave no figure")))
		return r
	}
	met := f.Value <= t.Limit
	r.Figure, r.Met = &f.Value, &met
	if f.Peer != "" {
		r.Peer = f.Peer
	}
	return r
}

func firstLine(err error) string {
	s := err.Error()
	if i := slices.Index([]byte(s), '\n'); i >= 0 {
		return s[:i]
	}
	return s
}

func report(w io.Writer, form string, results []result) error {
	switch form {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(results)
	case "text":
		return reportText(w, results)
	}
	return fmt.Errorf("-o %s: want text or json", form)
}

func reportText(w io.Writer, results []result) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "name\tfigure\ttarget\tmet\tpeer")
	for _, r := range results {
		if r.Figure == nil {
			fmt.Fprintf(tab, "%s\tnot measured\t≤ %g\t-\t%s\n", r.Name, r.Target, r.Why)
			continue
		}
		met := "no"
		if *r.Met {
			met = "yes"
		}
		fmt.Fprintf(tab, "%s\t%.4g\t≤ %g\t%s\t%s\n", r.Name, *r.Figure, r.Target, met, r.Peer)
	}
	return tab.Flush()
}
