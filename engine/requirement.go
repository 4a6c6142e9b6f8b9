package engine

import (
	"maps"
	"slices"
)

// A Requirement is one entry of data.requirements.
type Requirement struct {
	Kind      string `json:"kind"` // an action kind, or "any"
	Condition string `json:"condition"`
	Denies    bool   `json:"denies"`
	Required  bool   `json:"required"` // false: dropped by a higher layer
	Origin    string `json:"origin"`   // file:line
	at        position
}

// sections of data.requirements.
const (
	denyUnless = "deny_unless"
	waitUnless = "wait_unless"
	anyKind    = "any"
)

// requirements reads and checks data.requirements. kinds are the action kinds of
// the schema; nil leaves kinds unchecked.
func requirements(data *node, known map[string]*Condition, kinds []string, diags *diagnostics) []Requirement {
	root := data.child("requirements")
	if root == nil || !root.isMap() {
		diags.errorf(position{}, "add requirements/data.yaml", "data.requirements is missing, so nothing could ever be allowed")
		return nil
	}
	var out []Requirement
	for _, section := range root.keys() {
		n := root.child(section)
		if section != denyUnless && section != waitUnless {
			diags.errorf(n.at, didYouMean(section, []string{denyUnless, waitUnless}, "use deny_unless or wait_unless"), "data.requirements has no %q", section)
			continue
		}
		out = append(out, sectionRequirements(n, section == denyUnless, known, kinds, diags)...)
	}
	return out
}

func sectionRequirements(n *node, denies bool, known map[string]*Condition, kinds []string, diags *diagnostics) []Requirement {
	var out []Requirement
	if !n.isMap() {
		diags.errorf(n.at, "write: kind: {condition: true}", "want a map of action kinds, got %s", kindOf(n))
		return nil
	}
	for _, kind := range n.keys() {
		k := n.child(kind)
		if kinds != nil && kind != anyKind && !slices.Contains(kinds, kind) {
			diags.errorf(k.at, didYouMean(kind, append(kinds, anyKind), ""), "there is no action kind %q", kind)
		}
		if !k.isMap() {
			diags.errorf(k.at, "write: {condition: true}", "want a map of conditions, got %s", kindOf(k))
			continue
		}
		for _, name := range k.keys() {
			c := k.child(name)
			out = append(out, Requirement{Kind: kind, Condition: name, Denies: denies, Required: required(c, name, known, diags),
				Origin: c.at.String(), at: c.at})
		}
	}
	return out
}

func required(c *node, name string, known map[string]*Condition, diags *diagnostics) bool {
	v, ok := c.scalar.(bool)
	if !ok || c.isMap() {
		diags.errorf(c.at, "write true to require it, false to drop it", "requirement %q: want true or false, got %s", name, kindOf(c))
	}
	if known[name] == nil {
		diags.errorf(c.at, didYouMean(name, slices.Sorted(maps.Keys(known)), "add a rule: met contains \""+name+"\" if ..."), "no rule defines the condition %q", name)
	}
	return v
}

// requiredBy adds the kinds that one section requires a condition for. What is
// said of a kind wins over what is said of any: with an exception, the kinds are
// listed one by one.
func (c *Condition) requiredBy(said map[string]bool, kinds []string) (some bool) {
	exception := false
	for kind, required := range said {
		exception = exception || kind != anyKind && !required
	}
	if said[anyKind] && exception {
		for _, kind := range kinds {
			if required, ok := said[kind]; !ok || required {
				c.RequiredFor, some = append(c.RequiredFor, kind), true
			}
		}
		return some
	}
	for kind, required := range said {
		if required {
			c.RequiredFor, some = append(c.RequiredFor, kind), true
		}
	}
	return some
}

// attach notes on each condition which kinds require it, and warns about those
// that nobody requires.
func attach(known map[string]*Condition, reqs []Requirement, kinds []string, diags *diagnostics) []Condition {
	named := map[string]bool{}                                       // also by a false: there for an administrator to turn on
	said := map[bool]map[string]map[string]bool{true: {}, false: {}} // denies → condition → kind → required
	for _, r := range reqs {
		named[r.Condition] = true
		if said[r.Denies][r.Condition] == nil {
			said[r.Denies][r.Condition] = map[string]bool{}
		}
		said[r.Denies][r.Condition][r.Kind] = r.Required
	}
	for name, c := range known {
		c.Denies = c.requiredBy(said[true][name], kinds)
		c.requiredBy(said[false][name], kinds)
	}
	out := make([]Condition, 0, len(known))
	for _, name := range slices.Sorted(maps.Keys(known)) {
		c := known[name]
		slices.Sort(c.RequiredFor)
		c.RequiredFor = slices.Compact(c.RequiredFor)
		at := position{c.File, c.Line, 1}
		if !named[name] {
			diags.warnf(at, "name it in requirements/data.yaml, or delete the rule", "nothing requires the condition %q", name)
		} else if c.Title == "" && len(c.RequiredFor) > 0 {
			diags.warnf(at, "add a # METADATA block with title, custom.clears_by and custom.remedy", "condition %q has no METADATA, so nobody can be told what it means", name)
		}
		out = append(out, *c)
	}
	return out
}
