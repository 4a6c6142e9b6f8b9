package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A Threshold is one value below data.thresholds that an administrator may turn.
type Threshold struct {
	Key    string `json:"key"` // dotted, below data.thresholds
	Value  any    `json:"value"`
	Unit   string `json:"unit,omitempty"` // from the key: seconds, bytes, ratio, percent, count, depth
	Origin string `json:"origin"`         // file:line that set it
	// Default is the value of the lowest layer; nil when that has none.
	Default any `json:"default,omitempty"`
}

// String is "file:line", or "" for no place.
func (p position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A unit bounds the numbers whose key ends in its name.
type unit struct {
	name     string
	min, max float64
	integer  bool
}

// units are the unit suffixes of keys. The upper bounds only catch slips: ten
// years, an exabyte.
var units = []unit{
	{"seconds", 0, 315360000, true}, {"minutes", 0, 5256000, true}, {"hours", 0, 87600, true}, {"days", 0, 3650, true},
	{"bytes", 0, 1 << 60, true}, {"count", 0, 1e9, true}, {"percent", 0, 100, false}, {"ratio", 0, 1, false},
	{"depth", 0, 1e6, false}, {"minute_of_day", 0, 1440, true},
}

// unitOf finds the unit in a dotted key; the last part that names one counts.
func unitOf(key string) (unit, bool) {
	parts := strings.Split(key, ".")
	for _, part := range slices.Backward(parts) {
		for _, u := range units {
			if part == u.name || strings.HasSuffix(part, "_"+u.name) {
				return u, true
			}
		}
	}
	return unit{}, false
}

// thresholds reads and checks data.thresholds against the lowest layer's types.
// reads are the paths below data.thresholds that rules mention.
func thresholds(t *tree, reads []string, diags *diagnostics) []Threshold {
	root, base := t.data.child("thresholds"), t.base.child("thresholds")
	if root == nil {
		return nil
	}
	if !root.isMap() {
		diags.errorf(root.at, "", "data.thresholds: want a map, got %s", kindOf(root))
		return nil
	}
	checkKeys(root, base, "", reads, diags)
	var out []Threshold
	root.leaves("", func(key string, leaf *node) {
		out = append(out, threshold(key, leaf, at(base, key), diags))
	})
	return out
}

// at follows a dotted key.
func at(n *node, key string) *node {
	for part := range strings.SplitSeq(key, ".") {
		n = n.child(part)
	}
	return n
}

// checkKeys refuses keys that the lowest layer does not have, unless a rule
// reads them and no key beside them looks like what was meant.
func checkKeys(n, base *node, prefix string, reads []string, diags *diagnostics) {
	for _, k := range n.keys() {
		key, c := strings.TrimPrefix(prefix+"."+k, "."), n.child(k)
		if b := base.child(k); b != nil {
			if c.isMap() && b.isMap() {
				checkKeys(c, b, key, reads, diags)
			}
			continue
		}
		if slices.Contains(reads, key) || slices.ContainsFunc(reads, func(r string) bool { return strings.HasPrefix(r, key+".") }) {
			continue
		}
		near := nearest(k, base.keys())
		if near == "" && slices.ContainsFunc(reads, func(r string) bool { return r == "" || strings.HasPrefix(key, r+".") }) {
			continue // a computed key, as thresholds.by_vendor[v]
		}
		hint := "a new threshold needs a rule that reads data.thresholds." + key
		if near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		diags.errorf(c.at, hint, "no rule reads the threshold %q", key)
	}
}

func threshold(key string, leaf, base *node, diags *diagnostics) Threshold {
	u, hasUnit := unitOf(key)
	out := Threshold{Key: key, Value: leaf.scalar, Unit: u.name, Origin: leaf.at.String()}
	switch v := leaf.scalar.(type) {
	case nil:
		diags.errorf(leaf.at, "give it a value, or delete the line to get the default", "threshold %q is empty", key)
	case string:
		if strings.TrimSpace(v) == "" {
			diags.errorf(leaf.at, "give it a value, or delete the line to get the default", "threshold %q is empty", key)
		}
	case json.Number:
		if hasUnit {
			checkRange(key, v, u, leaf.at, diags)
		}
	default:
	}
	if _, number := leaf.scalar.(json.Number); hasUnit && base == nil && !number && leaf.scalar != nil {
		diags.errorf(leaf.at, "write a plain number", "threshold %q is in %s: want a number, got %s", key, u.name, kindOf(leaf))
	}
	if base != nil {
		out.Default = base.scalar
		checkType(key, leaf, base, diags)
	}
	return out
}

func checkRange(key string, v json.Number, u unit, at position, diags *diagnostics) {
	f, err := v.Float64()
	if err != nil || f < u.min || f > u.max {
		diags.errorf(at, fmt.Sprintf("%s go from %g to %.0f", u.name, u.min, u.max), "threshold %q: %s is out of range", key, v)
	} else if u.integer && !isInteger(v) {
		diags.errorf(at, "write it without a fraction", "threshold %q: %s must be a whole number", key, v)
	}
}

func checkType(key string, leaf, base *node, diags *diagnostics) {
	if leaf.scalar == nil && !leaf.isMap() {
		return // said above
	}
	got, want := kindOf(leaf), kindOf(base)
	if number := func(k string) bool { return k == "a number" || k == "a whole number" }; number(got) && number(want) {
		if _, hasUnit := unitOf(key); !hasUnit && want == "a whole number" && got != want {
			diags.errorf(leaf.at, "", "threshold %q: want a whole number, got %v", key, leaf.scalar)
		}
		return
	}
	if got != want {
		diags.errorf(leaf.at, fmt.Sprintf("the default is %v", base.value()), "threshold %q: want %s, got %s", key, want, got)
		return
	}
	list, _ := leaf.scalar.([]any)
	example, _ := base.scalar.([]any)
	for _, v := range list {
		if len(example) > 0 && kindOfValue(v) != kindOfValue(example[0]) {
			diags.errorf(leaf.at, "", "threshold %q: want a list whose members are %s, got %s", key, kindOfValue(example[0]), kindOfValue(v))
			return
		}
	}
}

// dataReads returns the paths below data.<root> that rules mention, dotted, and
// reports references into that document that lead nowhere.
func dataReads(mods map[string]*ast.Module, data *node, root string, diags *diagnostics) []string {
	seen := map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(mods)) {
		ast.WalkRefs(mods[file], func(r ast.Ref) bool {
			if len(r) >= 2 && r[0].Equal(ast.DefaultRootDocument) && r[1].Value.Compare(ast.String(root)) == 0 {
				seen[dataRead(r, data.child(root), root, diags)] = true
			}
			return false
		})
	}
	return slices.Sorted(maps.Keys(seen))
}

func dataRead(r ast.Ref, n *node, root string, diags *diagnostics) string {
	var parts []string
	for _, t := range r[2:] {
		s, ok := t.Value.(ast.String)
		if !ok || n == nil || !n.isMap() {
			break
		}
		next := n.child(string(s))
		if next == nil {
			loc := r[0].Location
			diags.errorf(position{loc.File, loc.Row, loc.Col}, didYouMean(string(s), n.keys(), "add it to "+root+"/data.yaml"),
				"there is no data.%s", strings.Join(append(append([]string{root}, parts...), string(s)), "."))
			break
		}
		parts, n = append(parts, string(s)), next
	}
	return strings.Join(parts, ".")
}
