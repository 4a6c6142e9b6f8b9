package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A Condition is one named requirement, as its rule and METADATA describe it.
type Condition struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Remedy      string `json:"remedy,omitempty"`
	// ClearsBy says what ends the wait: time, event, user, admin or vendor.
	ClearsBy string `json:"clears_by,omitempty"`
	// RequiredFor lists the action kinds that need it, "any" for all of them.
	RequiredFor []string `json:"required_for"`
	// Denies tells that an unmet condition denies: waiting cannot help.
	Denies bool   `json:"denies"`
	File   string `json:"file"`
	Line   int    `json:"line"`
}

// clearsBy are the values of METADATA custom.clears_by.
var clearsBy = []string{"time", "event", "user", "admin", "vendor"}

// conditions collects `met contains "name"` of every module. Rules that define
// the same name are alternatives; the first with METADATA describes it.
func conditions(mods map[string]*ast.Module, diags *diagnostics) map[string]*Condition {
	out := map[string]*Condition{}
	for _, file := range slices.Sorted(maps.Keys(mods)) {
		m := mods[file]
		if m.Package.Path.String() != policyPackage {
			continue
		}
		for _, r := range m.Rules {
			addCondition(out, r, diags)
		}
	}
	return out
}

func addCondition(out map[string]*Condition, r *ast.Rule, diags *diagnostics) {
	if !isMetRule(r) {
		return
	}
	at := rulePosition(r)
	name, ok := conditionName(r)
	if !ok {
		diags.errorf(at, `write: met contains "some_name" if ...`, "the name of a condition must be a plain string")
		return
	}
	c := out[name]
	if c == nil {
		c = &Condition{Name: name, File: at.File, Line: at.Line, RequiredFor: []string{}}
		out[name] = c
	} else if c.File != at.File {
		diags.add(at, SeverityNote, "delete one of them, or rename it, if both were not meant", "condition %q is also defined in %s:%d; either rule meets it", name, c.File, c.Line)
	}
	c.describe(r, at, diags)
}

func isMetRule(r *ast.Rule) bool {
	ref := r.Head.Ref()
	return len(ref) > 0 && ref[0].Value.Compare(ast.Var("met")) == 0
}

// conditionName returns the constant key of a met rule, in either spelling.
func conditionName(r *ast.Rule) (string, bool) {
	if r.Head.Key == nil || len(r.Head.Ref()) != 1 {
		return "", false
	}
	s, ok := r.Head.Key.Value.(ast.String)
	return string(s), ok
}

func rulePosition(r *ast.Rule) position {
	if r.Location == nil {
		return position{}
	}
	return position{r.Location.File, r.Location.Row, r.Location.Col}
}

func (c *Condition) describe(r *ast.Rule, at position, diags *diagnostics) {
	for _, a := range r.Annotations {
		if a.Title == "" || c.Title != "" {
			continue
		}
		c.Title, c.Description = a.Title, a.Description
		c.Remedy, _ = a.Custom["remedy"].(string)
		c.ClearsBy = c.clears(a.Custom["clears_by"], at, diags)
	}
}

func (c *Condition) clears(v any, at position, diags *diagnostics) string {
	if v == nil {
		return ""
	}
	s, _ := v.(string)
	if !slices.Contains(clearsBy, s) {
		diags.errorf(at, didYouMean(s, clearsBy, fmt.Sprintf("use one of %q", clearsBy)), "condition %q: clears_by %v is not known", c.Name, v)
	}
	return s
}
