package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Explanation says why an action does not run and what must change.
type Explanation struct {
	Unmet       []Unmet  // every required condition that is not met
	Changes     []Change // smallest set found that makes the verdict run, checked by deciding again; empty: none found
	CannotClear []string // conditions for which no change of inputs was found, by themselves or beside the others
}

// Unmet is one required condition that is not met.
type Unmet struct {
	Condition
	Observed []Observation // what the needed comparisons read
	Needed   []string      // alternatives, each "a >= 1 and b == true"; empty: nothing that can change meets it, or it is Opaque
	// Opaque tells that no plain comparisons say what meets it, or not all of it:
	// partial evaluation cannot see through the rule. Then the METADATA has to tell.
	Opaque bool
	Text   string // all of it as one plain sentence
}

// Observation is one input as it is now.
type Observation struct {
	Path  string
	Value string // as JSON; "" when not known
	Known bool
	Why   string // why it is not known, from input.meta
}

// Change is one input and the value that it would have to have.
type Change struct {
	Path  string
	Value string // as JSON
	Op    string // the comparison that the value just satisfies
	term  *ast.Term
}

// String is the change in words of the policy: path, comparison, value.
func (c Change) String() string { return c.Path + " " + c.Op + " " + c.Value }

// Explain works out why d was not run. It reads the rules themselves: what
// cannot be reduced to plain comparisons is shown as it stands in the policy.
func (e *Engine) Explain(ctx context.Context, in *Input, d Decision) Explanation {
	g := e.gen.Load()
	var x Explanation
	s := &searcher{g: g, deadline: e.opt.Deadline, tries: maxTries}
	cheapest := map[string][]comparison{}
	for _, name := range slices.Concat(d.DeniedBy, d.WaitsFor) {
		u, parts := g.explainOne(ctx, name, in)
		x.Unmet = append(x.Unmet, u)
		if parts == nil {
			parts = s.search(ctx, name, in)
		}
		if parts == nil {
			x.CannotClear = append(x.CannotClear, name)
			continue
		}
		cheapest[name] = parts
	}
	if len(x.CannotClear) == 0 {
		x.Changes, x.CannotClear = s.smallest(ctx, in, cheapest)
	}
	return x
}

// explainOne returns the condition's explanation and the unmet comparisons of
// its cheapest alternative, nil when no change of inputs can meet it.
func (g *Generation) explainOne(ctx context.Context, name string, in *Input) (Unmet, []comparison) {
	c, _ := g.condition(name)
	u := Unmet{Condition: c}
	alts, ok := g.ways(ctx, name, in)
	if !ok {
		u.Opaque = true
		u.Text = u.sentence()
		return u, nil
	}
	var best []comparison
	for i, a := range alts {
		unmet := a.unmetParts(in)
		if a.opaque && g.hiddenHolds(ctx, name, in, i) {
			unmet = slices.DeleteFunc(unmet, func(c comparison) bool { return c.path == "" })
			a.opaque = false // as long as nothing else of it changes, which deciding again will show
		}
		u.Needed = append(u.Needed, texts(unmet))
		u.Opaque = u.Opaque || a.opaque
		for _, c := range unmet {
			u.observe(c, in)
		}
		if a.opaque || a.aboutMeta() {
			continue
		}
		if wanted := reconciled(a.parts, unmet); wanted != nil && (best == nil || len(wanted) < len(best)) {
			best = wanted
		}
	}
	slices.Sort(u.Needed)
	u.Needed = slices.Compact(u.Needed)
	u.Text = u.sentence()
	return u, best
}

// hiddenHolds asks OPA whether what is no plain comparison in one of the ways to
// meet a condition holds already.
func (g *Generation) hiddenHolds(ctx context.Context, name string, in *Input, way int) bool {
	r := g.kept(ctx, name, in, false)
	if r == nil || way >= len(r.alternatives) {
		return false
	}
	hidden := slices.DeleteFunc(slices.Clone(r.alternatives[way]), func(p *residualPart) bool { return p.section >= 0 })
	return len(hidden) == 1 && hidden[0].ask(ctx, g, in) == yes
}

// aboutMeta tells that the alternative rests on why a fact is unknown, which
// nobody can change.
func (a alternative) aboutMeta() bool {
	return slices.ContainsFunc(a.parts, func(c comparison) bool { return strings.HasPrefix(c.path, "meta.") })
}

// sentence puts title, needs and observations into words.
func (u *Unmet) sentence() string {
	b := cmpOr(u.Title, u.Name)
	switch {
	case len(u.Needed) > 0:
		b += ": needs " + strings.Join(u.Needed, ", or ")
	case !u.Opaque:
		b += ": nothing that can change meets it"
	}
	if u.Opaque {
		b += "; " + u.Unseen()
	}
	for i, o := range u.Observed {
		sep := "; "
		if i == 0 {
			sep = " (now "
		}
		if o.Known {
			b += sep + o.Path + " is " + o.Value
		} else {
			b += sep + o.Path + " is unknown"
		}
		if !o.Known && o.Why != "" {
			b += ": " + o.Why
		}
	}
	if len(u.Observed) > 0 {
		b += ")"
	}
	return b
}

// Unseen says of a condition that is Opaque that its rule cannot be seen through,
// and what its METADATA says instead.
func (u *Unmet) Unseen() string {
	b := fmt.Sprintf("what would meet it cannot be worked out from %s:%d", u.File, u.Line)
	if u.Description != "" {
		return b + ", which says: " + strings.Join(strings.Fields(u.Description), " ")
	}
	return b + ", which has no description"
}

func texts(parts []comparison) string {
	list := make([]string, 0, len(parts))
	for _, c := range parts {
		list = append(list, c.words())
	}
	return strings.Join(list, " and ")
}

// reconciled is the unmet comparisons with one for each path, of a value that
// satisfies all that the alternative asks of the path; nil where there is none.
func reconciled(all, unmet []comparison) []comparison {
	out := []comparison{}
	for _, c := range unmet {
		if slices.ContainsFunc(out, func(o comparison) bool { return o.path == c.path }) {
			continue
		}
		asked := slices.DeleteFunc(slices.Clone(all), func(o comparison) bool { return o.path != c.path })
		if len(asked) > 1 {
			v := common(asked)
			if v == nil {
				return nil
			}
			c.op, c.value = "==", v
		}
		out = append(out, c)
	}
	return out
}

// common is a value that satisfies all comparisons, which are of one path.
func common(asked []comparison) *ast.Term {
	for _, c := range asked {
		for _, v := range around(c) {
			if !slices.ContainsFunc(asked, func(o comparison) bool { return o.compare(v.Value) != yes }) {
				return v
			}
		}
	}
	return nil
}

// around are the values at which a comparison changes its answer.
func around(c comparison) []*ast.Term {
	vals := []*ast.Term{satisfying(c)}
	switch list := c.value.Value.(type) {
	case ast.Set:
		vals = append(vals, list.Slice()...)
	case *ast.Array:
		list.Foreach(func(t *ast.Term) { vals = append(vals, t) })
	case ast.Number:
		if n, ok := wholeNumber(list); ok {
			vals = append(vals, wholeTerm(n-1), c.value, wholeTerm(n+1))
		} else if f, ok := list.Float64(); ok {
			vals = append(vals, c.value, ast.FloatNumberTerm(f-1), ast.FloatNumberTerm(f+1))
		}
	case ast.Boolean:
		vals = append(vals, ast.BooleanTerm(true), ast.BooleanTerm(false))
	}
	return vals
}

func (u *Unmet) observe(c comparison, in *Input) {
	if c.path == "" || slices.ContainsFunc(u.Observed, func(o Observation) bool { return o.Path == c.path }) {
		return
	}
	o := Observation{Path: c.path}
	if v := in.find(c.ref); v != nil {
		o.Value, o.Known = v.String(), true
	} else if fact, ok := strings.CutPrefix(c.path, "facts."); ok {
		if meta := in.Meta.term; meta != nil {
			if obj, ok := meta.Value.(ast.Object); ok {
				if why := field(obj.Get(ast.StringTerm(fact)), "why"); why != "" {
					o.Why = why
				}
			}
		}
	}
	u.Observed = append(u.Observed, o)
}

func field(t *ast.Term, key string) string {
	if t == nil {
		return ""
	}
	obj, ok := t.Value.(ast.Object)
	if !ok {
		return ""
	}
	if s := obj.Get(ast.StringTerm(key)); s != nil {
		if v, ok := s.Value.(ast.String); ok {
			return string(v)
		}
	}
	return ""
}

// merge adds a change; of two for the same path the later comparison wins
// where it satisfies both, which deciding again will show.
func merge(list []Change, c Change) []Change {
	for i := range list {
		if list[i].Path == c.Path {
			if stricter(c, list[i]) {
				list[i] = c
			}
			return list
		}
	}
	return append(list, c)
}

func stricter(a, b Change) bool {
	switch a.Op {
	case ">=", ">":
		return a.term.Value.Compare(b.term.Value) > 0
	case "<=", "<":
		return a.term.Value.Compare(b.term.Value) < 0
	}
	return true
}

// satisfying is a value for which the comparison holds.
func satisfying(c comparison) *ast.Term {
	step := 0
	switch c.op {
	case "in":
		return first(c.value)
	case "!=":
		return other(c.value)
	case ">":
		step = 1
	case "<":
		step = -1
	default:
		return c.value
	}
	n, ok := c.value.Value.(ast.Number)
	if !ok {
		return c.value
	}
	f, _ := n.Float64()
	return ast.FloatNumberTerm(f + float64(step))
}

// first is a member of a constant collection, the collection itself where it has
// none: a value that does not satisfy, which deciding again will show.
func first(collection *ast.Term) *ast.Term {
	found := collection
	switch list := collection.Value.(type) {
	case ast.Set:
		if list.Len() > 0 {
			found = list.Slice()[0]
		}
	case *ast.Array:
		if list.Len() > 0 {
			found = list.Elem(0)
		}
	}
	return found
}

// other is a value of the same type as t and different from it.
func other(t *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case ast.Boolean:
		return ast.BooleanTerm(!bool(v))
	case ast.String:
		return ast.StringTerm(string(v) + "-other")
	case ast.Number:
		f, _ := v.Float64()
		return ast.FloatNumberTerm(f + 1)
	}
	return t
}

// with returns a copy of the input in which path has another value; nil when
// the path cannot be set.
func (in *Input) with(path string, v *ast.Term) *Input {
	first, rest, deeper := strings.Cut(path, ".")
	i := sectionIndex(first)
	if i < 0 {
		return nil
	}
	out := *in
	t := v
	if deeper {
		if t = setIn(in.section(i), strings.Split(rest, "."), v); t == nil {
			return nil
		}
	}
	*out.ref(i) = Section{t}
	return &out
}

// setIn is a copy of an object term with one member set, objects on the way
// made where they are absent.
func setIn(t *ast.Term, keys []string, v *ast.Term) *ast.Term {
	if len(keys) == 0 {
		return v
	}
	obj := ast.NewObject()
	if t != nil {
		old, ok := t.Value.(ast.Object)
		if !ok {
			return nil
		}
		old.Foreach(func(k, e *ast.Term) { obj.Insert(k, e) })
	}
	key := ast.StringTerm(keys[0])
	child := setIn(obj.Get(key), keys[1:], v)
	if child == nil {
		return nil
	}
	obj.Insert(key, child)
	return ast.NewTerm(obj)
}

// WhatIf returns a copy of the input with the value at a dotted path, such as
// "facts.power.on_ac", replaced by a JSON value.
func (in *Input) WhatIf(path, value string) (*Input, error) {
	term, err := ast.ParseTerm(value)
	if err != nil || !ast.IsConstant(term.Value) {
		return nil, fmt.Errorf("%s: %q is not a JSON value; put strings in quotes", path, value)
	}
	out := in.with(path, term)
	if out == nil {
		return nil, fmt.Errorf("the input has no member %q; paths are like facts.power.on_ac", path)
	}
	return out, nil
}
