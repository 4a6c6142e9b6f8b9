package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/spf13/cobra"
)

// whatIf is the result of lull what-if.
type whatIf struct {
	Changes []string          `json:"changes"`
	Before  engine.Decision   `json:"before"`
	After   engine.Decision   `json:"after"`
	Unmet   []engine.Unmet    `json:"-"`
	Needed  map[string]string `json:"still_unmet"` // condition → in plain words
}

func (a *app) whatIfCommand() *cobra.Command {
	var (
		input    string
		policies []string
	)
	c := &cobra.Command{
		Use: "what-if ID[/UPDATE] NAME=VALUE…", Short: "What the decision would be, were something else true",
		Long: `Decides again on what the daemon knows of an update, or on the document of
--input, with some things changed. Nothing is run and nothing is remembered.

A NAME is a fact (power.on_ac=true), any other member of the input document by
its whole path (control.approved=true, clock.minute_of_day=120), or a threshold
(thresholds.cpu_busy_ratio=0.9). The VALUE "unknown" takes a fact away. after=2h
lets so much time pass after all that: whatever counts seconds counts on.`,
		Example: "  lull what-if com.example.reader presence.idle_seconds=1200 power.on_ac=true\n" +
			"  lull what-if com.example.reader after=8h\n" +
			"  lull what-if --input input.json thresholds.cpu_busy_ratio=0.9",
		RunE: func(c *cobra.Command, args []string) error { return a.whatIf(c.Context(), input, policies, args) },
	}
	c.Flags().StringVar(&input, "input", "", "decide on the input document in `FILE` (- for standard input) instead of asking the daemon")
	c.Flags().StringArrayVar(&policies, "policies", nil, "use the policies in `DIR` over the shipped ones, instead of the machine's (repeatable)")
	return c
}

func (a *app) whatIf(ctx context.Context, input string, policies, args []string) error {
	data, changes, err := a.whatIfDocument(ctx, input, args)
	if err != nil {
		return err
	}
	doc, over, wait, err := applyChanges(data, changes)
	if err != nil {
		return err
	}
	before, err := a.engine(ctx, policies)
	if err != nil {
		return err
	}
	after, err := a.engine(ctx, policies, over...)
	if err != nil && len(over) > 0 {
		return coded(exitPolicy, err, "lull policy list shows every threshold and its value")
	}
	if err != nil {
		return err
	}
	was, err := before.ParseInput(data)
	if err != nil {
		return coded(exitFailed, err, "lull policy schema prints what an input document looks like")
	}
	is, err := after.ParseInput(doc)
	if err != nil {
		return coded(exitUsage, err, "lull facts lists the facts, lull policy schema every member of the input and its type")
	}
	is = is.After(wait)
	w := whatIf{Changes: changes, Before: before.Decide(ctx, was), After: after.Decide(ctx, is), Needed: map[string]string{}}
	w.Unmet = after.Explain(ctx, is, w.After).Unmet
	for _, u := range w.Unmet {
		w.Needed[u.Name] = u.Text
	}
	return a.show("WhatIf", w, func(s *screen) { printWhatIf(s, w) })
}

// whatIfDocument gets the document to start from: a file's, or the one the
// daemon decides on.
func (a *app) whatIfDocument(ctx context.Context, input string, args []string) (data []byte, changes []string, err error) {
	if input == "" && (len(args) == 0 || strings.Contains(args[0], "=")) {
		return nil, nil, hinted(usage("what-if needs an updater, or --input FILE"), "lull what-if ID power.on_ac=true")
	}
	changes = args
	if input == "" {
		changes = args[1:]
	}
	if len(changes) == 0 {
		return nil, nil, hinted(usage("what-if needs something that changes"), "lull what-if ID power.on_ac=true")
	}
	if input != "" {
		data, err = a.readFile(input)
		return data, changes, err
	}
	id, update := splitSubject(args[0])
	w, err := a.client().Why(ctx, id, update)
	switch {
	case err != nil:
		return nil, nil, a.remote(err)
	case w.Input == nil && w.Decision == nil:
		return nil, nil, coded(exitFailed, errors.New(w.Text), a.rooted("list")+" shows what waits")
	case w.Input == nil:
		return nil, nil, coded(exitFailed, errors.New("the daemon shows its input document, which tells of people, to root and the group lull only"), "try sudo")
	}
	return w.Input, changes, nil
}

// inputSections are the members of the input document that a NAME may begin
// with; any other NAME is a fact's.
var inputSections = []string{"action", "update", "updater", "trust", "sandbox", "control", "running", "facts", "meta", "clock"}

// passing is the NAME of the time that is let pass.
const passing = "after"

// applyChanges returns the changed document, a layer of policies with the changed
// thresholds where there are any, and how much time is to pass.
func applyChanges(data []byte, changes []string) (changed []byte, over []engine.Layer, wait time.Duration, err error) {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, nil, 0, fmt.Errorf("the input document: %w", err)
	}
	thresholds := map[string]any{}
	for _, c := range changes {
		name, text, ok := strings.Cut(c, "=")
		path := strings.Split(name, ".")
		if !ok || slices.Contains(path, "") {
			return nil, nil, 0, hinted(usage("%q does not change anything", c), "write NAME=VALUE, as power.on_ac=true")
		}
		if name == passing {
			if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
				return nil, nil, 0, hinted(usage("%s: %q is no time that can pass", passing, text), "write after=90s, after=20m or after=8h")
			}
			continue
		}
		if path[0] == "thresholds" {
			setPath(thresholds, path[1:], jsonOrText(text))
			continue
		}
		if !slices.Contains(inputSections, path[0]) {
			path = append([]string{"facts"}, path...)
		}
		if text == "unknown" && path[0] == "facts" {
			dropPath(doc, path)
		} else if !setPath(doc, path, jsonOrText(text)) {
			return nil, nil, 0, usage("%s lies below a single value", name)
		}
	}
	changed, err = json.Marshal(doc)
	if err != nil || len(thresholds) == 0 {
		return changed, nil, wait, err
	}
	file, err := json.Marshal(thresholds)
	return changed, []engine.Layer{{Name: "what-if", FS: fstest.MapFS{"thresholds/data.json": {Data: file}}}}, wait, err
}

// jsonOrText reads a value as JSON, and as a string where it is none.
func jsonOrText(text string) any {
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&v) != nil || dec.More() || v == nil {
		return text
	}
	return v
}

func setPath(m map[string]any, path []string, v any) bool {
	for len(path) > 1 {
		next, there := m[path[0]].(map[string]any)
		if !there {
			if _, single := m[path[0]]; single {
				return false
			}
			next = map[string]any{}
			m[path[0]] = next
		}
		m, path = next, path[1:]
	}
	if len(path) == 1 {
		m[path[0]] = v
	}
	return len(path) == 1
}

func dropPath(m map[string]any, path []string) {
	for ; len(path) > 1; path = path[1:] {
		next, ok := m[path[0]].(map[string]any)
		if !ok {
			return
		}
		m = next
	}
	delete(m, path[0])
}

func printWhatIf(s *screen, w whatIf) {
	s.line("now      %s%s", s.verdict(w.Before.Verdict), unmetNames(w.Before))
	s.line("what if  %s%s", s.verdict(w.After.Verdict), unmetNames(w.After))
	for _, name := range slices.Sorted(maps.Keys(w.Needed)) {
		s.line("  %s", w.Needed[name])
	}
}

// unmetNames lists what stands in the way, "" when nothing does.
func unmetNames(d engine.Decision) string {
	if names := slices.Concat(d.DeniedBy, d.WaitsFor); len(names) > 0 {
		return "  for " + strings.Join(names, ", ")
	}
	return ""
}
