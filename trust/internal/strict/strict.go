// Package strict reads JSON and YAML that were written to be trusted: nothing
// is guessed, skipped or converted.
//
// [ParseJSON] and [ParseYAML] build one kind of tree, in which every value
// knows its line. Duplicate keys, null, trailing data, byte order marks,
// invalid UTF-8, aliases, anchors, tags and merge keys are faults. [Decode]
// copies the tree into a struct: key names match exactly (encoding/json would
// accept "ID" for "id"), unknown keys are faults with a suggestion, and
// numbers never become strings or the other way round. All faults are
// reported at once.
package strict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// MaxDepth bounds nesting, so that hostile input cannot exhaust the stack.
const MaxDepth = 32

// Kind is the kind of a value.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Object
)

// String names the kind as in an error message.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// Node is one value of a document.
type Node struct {
	Kind    Kind
	Line    int      // 1-based
	Text    string   // of a scalar; of a string, its value
	Items   []*Node  // of a list
	Members []Member // of an object, in order
}

// Member is one key of an object and its value.
type Member struct {
	Key   string
	Line  int
	Value *Node
}

// At returns the value below n at the given keys, or nil. Items of a list are
// counted: "0" is the first.
func (n *Node) At(keys ...string) *Node {
	for _, key := range keys {
		if n = n.child(key); n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) child(key string) *Node {
	if n.Kind == List {
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Items) {
			return n.Items[i]
		}
		return nil
	}
	i := slices.IndexFunc(n.Members, func(m Member) bool { return m.Key == key })
	if i < 0 {
		return nil
	}
	return n.Members[i].Value
}

// LineOf returns the line of the value at the given keys, or of the closest
// value above it that exists.
func (n *Node) LineOf(keys ...string) int {
	for i := len(keys); i >= 0; i-- {
		if at := n.At(keys[:i]...); at != nil {
			return at.Line
		}
	}
	return 0
}

// Any returns the value as encoding/json would with UseNumber: map[string]any,
// []any, string, json.Number, bool, nil.
func (n *Node) Any() any {
	switch n.Kind {
	case Bool:
		return n.Text == "true"
	case Number:
		return json.Number(n.Text)
	case String:
		return n.Text
	case List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.Any()
		}
		return out
	case Object:
		out := make(map[string]any, len(n.Members))
		for _, m := range n.Members {
			out[m.Key] = m.Value.Any()
		}
		return out
	}
	return nil
}

// Fault is one thing wrong with a document.
type Fault struct {
	Line int    // 1-based, 0 when unknown
	Path string // "actions.install.exec[0]"; "" for the document
	What string
	Hint string // what to do; may be empty
}

// Error is the fault on one line.
func (f Fault) Error() string {
	s := f.What
	if f.Path != "" {
		s = f.Path + ": " + s
	}
	if f.Line > 0 {
		s = fmt.Sprintf("line %d: %s", f.Line, s)
	}
	if f.Hint != "" {
		s += "; " + f.Hint
	}
	return s
}
