package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// edits are the administrator's changes in the demo: thresholds turned and
// requirements dropped, in the two data files of the demo's own root.
type edits struct {
	dir          string              // etc/lull/policies
	thresholds   []string            // lines of thresholds/data.yaml
	requirements map[string][]string // action → dropped conditions
}

// edit is one changed line, as it is shown.
type edit struct{ file, line, why string }

// turns are the conditions whose threshold can be turned so that they hold on
// any machine where the facts they read are known. Each %s is the action.
var turns = map[string]string{
	"user_away": "idle_seconds: {%s: {standard: 0, limited: 0, constrained: 0}}",
	"settled":   "after_boot_seconds: {standard: 0, limited: 0, constrained: 0}",
	"resumed":   "after_resume_seconds: 0",
	"cpu_calm":  "cpu_busy_ratio: 1",
}

// clear makes one unmet condition of an action no obstacle any more: by its
// threshold where that can help, else by no longer requiring it.
func (e *edits) clear(action, condition string, unknown bool) edit {
	if line, ok := turns[condition]; ok && !unknown {
		line = strings.ReplaceAll(line, "%s", action)
		if !slices.Contains(e.thresholds, line) {
			return e.turn(line)
		}
	}
	if e.requirements == nil {
		e.requirements = map[string][]string{}
	}
	e.requirements[action] = append(e.requirements[action], condition)
	return edit{"requirements/data.yaml", "wait_unless." + action + "." + condition + ": false", "no longer required"}
}

func (e *edits) turn(line string) edit {
	e.thresholds = append(e.thresholds, line)
	return edit{"thresholds/data.yaml", line, "threshold turned"}
}

// write puts both files in place, each whole.
func (e *edits) write() error {
	if err := writeText(filepath.Join(e.dir, "thresholds", "data.yaml"), mergeLines(e.thresholds)); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# written by the demo\n")
	if len(e.requirements) > 0 {
		b.WriteString("wait_unless:\n")
		for _, action := range sortedNames(e.requirements) {
			fmt.Fprintf(&b, "  %s:\n", action)
			for _, c := range e.requirements[action] {
				fmt.Fprintf(&b, "    %s: false\n", c)
			}
		}
	}
	return writeText(filepath.Join(e.dir, "requirements", "data.yaml"), b.String())
}

// mergeLines writes one-line settings as one YAML document: those below one
// key are put together.
func mergeLines(lines []string) string {
	var order []string
	below := map[string][]string{}
	for _, l := range lines {
		key, value, _ := strings.Cut(l, ": ")
		if _, seen := below[key]; !seen {
			order = append(order, key)
		}
		below[key] = append(below[key], value)
	}
	var b strings.Builder
	b.WriteString("# written by the demo\n")
	for _, key := range order {
		values := below[key]
		if len(values) == 1 {
			fmt.Fprintf(&b, "%s: %s\n", key, values[0])
			continue
		}
		fmt.Fprintf(&b, "%s:\n", key)
		for _, v := range values {
			fmt.Fprintf(&b, "  %s\n", v[1:len(v)-1])
		}
	}
	return b.String()
}

func sortedNames[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
