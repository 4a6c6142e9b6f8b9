package facts

import (
	"slices"
	"strings"
	"time"
)

// busyWatch remembers since when each reason not to disturb holds.
type busyWatch struct {
	since map[string]time.Duration
	spare map[string]time.Duration // the one before, to be filled next
}

// look takes in the reasons that hold now and returns the age of the newest.
func (w *busyWatch) look(now time.Duration, reasons map[string]time.Duration) time.Duration {
	since := emptied(w.spare)
	newest := time.Duration(-1)
	for key, age := range reasons {
		at, ok := w.since[key]
		if !ok || now-age < at {
			at = now - age
		}
		since[key] = at
		if newest < 0 || now-at < newest {
			newest = now - at
		}
	}
	w.since, w.spare = since, w.since
	return newest
}

// emptied is m without its entries, so that what is looked at often is kept in
// two maps that take turns.
func emptied[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	clear(m)
	return m
}

// describe lists the reasons by whom and for how long, so that one that was
// never released can be seen.
func (w *busyWatch) describe(now time.Duration) string {
	keys := reasonKeys(w.since)
	for i, key := range keys {
		keys[i] += " for " + (now - w.since[key]).Truncate(time.Second).String()
	}
	return strings.Join(keys, "; ")
}

func reasonKeys(reasons map[string]time.Duration) []string {
	keys := make([]string, 0, len(reasons))
	for key := range reasons {
		keys = append(keys, key)
	}
	sortStrings(keys)
	return keys
}

func reasonNames(reasons map[string]time.Duration) []string {
	names := reasonKeys(reasons)
	for i, key := range names {
		names[i], _, _ = strings.Cut(key, " ")
	}
	return slices.Compact(names)
}
