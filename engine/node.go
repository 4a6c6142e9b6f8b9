package engine

import (
	"maps"
	"slices"
)

// A node is one value of a data document together with where it was written,
// so that a merged value still knows its line.
type node struct {
	at       position
	children map[string]*node // nil unless a map
	scalar   any              // string, bool, json.Number, []any, nil
}

func newMap(at position) *node { return &node{at: at, children: map[string]*node{}} }

func (n *node) isMap() bool { return n.children != nil }

func (n *node) set(key string, child *node) { n.children[key] = child }

// keys returns the keys of a map in order.
func (n *node) keys() []string {
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.children))
}

// child returns the node below key, nil when there is none.
func (n *node) child(key string) *node {
	if n == nil {
		return nil
	}
	return n.children[key]
}

// value returns the document as plain Go values.
func (n *node) value() any {
	if !n.isMap() {
		return n.scalar
	}
	out := make(map[string]any, len(n.children))
	for k, c := range n.children {
		out[k] = c.value()
	}
	return out
}

// leaves calls f for every node that is not a map, in order of path.
func (n *node) leaves(prefix string, f func(path string, leaf *node)) {
	if !n.isMap() {
		f(prefix, n)
		return
	}
	for _, k := range n.keys() {
		p := k
		if prefix != "" {
			p = prefix + "." + k
		}
		n.children[k].leaves(p, f)
	}
}

// overlay returns low with high merged over it: maps by key, anything else by
// replacement. A map never replaces a single value nor the reverse. The inputs
// are not changed.
func overlay(low, high *node, diags *diagnostics) *node {
	if low.isMap() != high.isMap() {
		diags.errorf(high.at, "", "%s here, but %s in %s", kindOf(high), kindOf(low), low.at.File)
		return low
	}
	if !low.isMap() {
		return high
	}
	out := newMap(low.at)
	maps.Copy(out.children, low.children)
	for k, h := range high.children {
		if l, ok := out.children[k]; ok {
			h = overlay(l, h, diags)
		}
		out.children[k] = h
	}
	return out
}

// kindOf names the JSON type of a node for a message.
func kindOf(n *node) string {
	if n.isMap() {
		return "a map"
	}
	return kindOfValue(n.scalar)
}
