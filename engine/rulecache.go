package engine

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// ruleName names a rule document of a package one level deep: the only ones
// that are kept without a tree of maps.
type ruleName struct{ pkg, name string }

// nameOf reads data.PKG.NAME; anything else, a member of a set or a function
// call, has no such name.
func nameOf(ref ast.Ref) (ruleName, bool) {
	if len(ref) != 3 {
		return ruleName{}, false
	}
	pkg, ok1 := ref[1].Value.(ast.String)
	name, ok2 := ref[2].Value.(ast.String)
	return ruleName{string(pkg), string(name)}, ok1 && ok2
}

// ruleValue is what a rule came to; a nil term is undefined.
type ruleValue struct {
	name ruleName
	term *ast.Term
}

// steadyRules are the rules of a generation whose values hang on nothing but
// data and what does not change while an action waits: its own section and the
// static facts. They come to the same for every decision on that action, so the
// first decision keeps them for the others.
type steadyRules struct {
	names map[ruleName]bool
	reads []ast.Ref // inputs that any of them reads

	mu   sync.Mutex
	kept []*steadyValues
}

// steadyValues are the values for one set of inputs. They never change.
type steadyValues struct {
	inputs []ast.Value // in the order of reads; nil: absent
	values []ruleValue
}

// maxSteady bounds the sets kept: kinds of actions times classes of machines.
const maxSteady = 64

// steadySections are what an action cannot change while it waits.
var steadySections = append([]string{"action", "sandbox"}, static...)

// findSteady looks through the compiled rules. One that replaces an input by
// `with`, or reads all of it, is not steady.
func findSteady(c *ast.Compiler, rd *readFinder) *steadyRules {
	s := &steadyRules{names: map[ruleName]bool{}}
	reads := map[string]bool{}
	for _, m := range c.Modules {
		for _, r := range m.Rules {
			name, ok := nameOf(r.Ref())
			if !ok || s.names[name] || !isComplete(c, r) {
				continue
			}
			got := rd.readsOf(r.Ref())
			if s.names[name] = got.steady(); s.names[name] {
				maps.Copy(reads, got.paths)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(reads)) {
		s.reads = append(s.reads, pathRef(path))
	}
	return s
}

func (got *ruleReads) steady() bool {
	if got.overrides {
		return false
	}
	for path := range got.paths {
		if !isSteadyPath(path) {
			return false
		}
	}
	return true
}

// isComplete tells a rule with one value from functions and partial sets.
func isComplete(c *ast.Compiler, r *ast.Rule) bool {
	return !slices.ContainsFunc(c.GetRulesExact(r.Ref()), func(o *ast.Rule) bool {
		return len(o.Head.Args) > 0 || o.Head.Key != nil || !o.Ref().IsGround()
	})
}

func isSteadyPath(path string) bool {
	return slices.ContainsFunc(steadySections, func(s string) bool { return path == s || len(path) > len(s) && path[:len(s)+1] == s+"." })
}

// pathRef is input.PATH as a reference.
func pathRef(path string) ast.Ref {
	ref := ast.Ref{ast.InputRootDocument}
	for key := range strings.SplitSeq(path, ".") {
		ref = append(ref, ast.StringTerm(key))
	}
	return ref
}

// of returns what is kept for the inputs of in, or an empty set to fill.
func (s *steadyRules) of(in *Input) *steadyValues {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kept {
		if s.matches(k, in) {
			return k
		}
	}
	return nil
}

func (s *steadyRules) matches(k *steadyValues, in *Input) bool {
	for i, ref := range s.reads {
		was, is := k.inputs[i], in.find(ref)
		if (was == nil) != (is == nil) || was != nil && was.Compare(is) != 0 {
			return false
		}
	}
	return true
}

// keep remembers what a decision found, for the decisions after it.
func (s *steadyRules) keep(in *Input, values []ruleValue) {
	k := &steadyValues{inputs: make([]ast.Value, 0, len(s.reads)), values: values}
	for _, ref := range s.reads {
		k.inputs = append(k.inputs, in.find(ref))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(o *steadyValues) bool { return s.matches(o, in) })
	if len(s.kept) >= maxSteady {
		s.kept = nil
	}
	s.kept = append(s.kept, k)
}

// ruleCache is the evaluator's memory of one decision: topdown.VirtualCache. It
// starts with what is steady. Rules are kept in a short list, which for some
// tens of rules is faster than OPA's tree of maps and allocates once; whatever
// has no plain name goes to OPA's own cache.
type ruleCache struct {
	steady *steadyRules
	known  *steadyValues
	found  []ruleValue // steady ones that were not known yet
	list   []ruleValue
	rest   topdown.VirtualCache // frames above the first, and names that are not plain
	depth  int                  // frames above the first: below a `with`, where nothing is steady
}

func newRuleCache(s *steadyRules, in *Input) *ruleCache {
	return &ruleCache{steady: s, known: s.of(in), list: make([]ruleValue, 0, 48), rest: topdown.NewVirtualCache()}
}

// Push begins a frame of other inputs.
func (c *ruleCache) Push() { c.depth++; c.rest.Push() }

// Pop ends it.
func (c *ruleCache) Pop() { c.depth--; c.rest.Pop() }

// Get returns the value of a rule, or true when it is known to be undefined.
func (c *ruleCache) Get(ref ast.Ref) (*ast.Term, bool) {
	name, plain := nameOf(ref)
	if !plain || c.depth > 0 {
		return c.rest.Get(ref)
	}
	if c.known != nil {
		for i := range c.known.values {
			if c.known.values[i].name == name {
				return c.known.values[i].term, c.known.values[i].term == nil
			}
		}
	}
	for i := range c.list {
		if c.list[i].name == name {
			return c.list[i].term, c.list[i].term == nil
		}
	}
	return nil, false
}

// Put records the value of a rule, nil for undefined.
func (c *ruleCache) Put(ref ast.Ref, value *ast.Term) {
	name, plain := nameOf(ref)
	if !plain || c.depth > 0 {
		c.rest.Put(ref, value)
		return
	}
	for i := range c.list {
		if c.list[i].name == name {
			c.list[i].term = value
			return
		}
	}
	c.list = append(c.list, ruleValue{name, value})
	if c.steady.names[name] {
		c.found = append(c.found, ruleValue{name, value})
	}
}

// Keys lists what the active frame holds.
func (c *ruleCache) Keys() []ast.Ref {
	keys := c.rest.Keys()
	if c.depth > 0 {
		return keys
	}
	for _, v := range c.list {
		if v.term != nil {
			keys = append(keys, ast.Ref{ast.DefaultRootDocument, ast.StringTerm(v.name.pkg), ast.StringTerm(v.name.name)})
		}
	}
	return keys
}

// settle hands what was found to the decisions that follow. Only an evaluation
// that came to its end may call it.
func (c *ruleCache) settle(in *Input) {
	if len(c.found) == 0 {
		return
	}
	values := c.found
	if c.known != nil {
		values = slices.Concat(c.known.values, values)
	}
	c.steady.keep(in, values)
}
