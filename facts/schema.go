package facts

import (
	"strings"
	"sync"
)

// byID finds the index of a fact.
var byID = sync.OnceValue(func() map[ID]fact {
	index := make(map[ID]fact, len(declared))
	for i, d := range declared {
		index[d.ID] = fact(i)
	}
	return index
})

// Schema is the JSON Schema (draft-07) of input.facts: nested objects in which
// nothing may appear that the catalogue does not name, and facts.local: an
// object of anything, or, where local facts are described (see LocalCatalogue),
// of these alone. The result is the caller's.
func Schema(local ...Desc) map[string]any {
	root := object()
	for _, d := range declared {
		insert(root, strings.Split(string(d.ID), "."), d.schema())
	}
	own := map[string]any{"type": "object"}
	if len(local) > 0 {
		own = object()
		for _, d := range local {
			insert(own, []string{strings.TrimPrefix(string(d.ID), string(LocalFacts)+".")}, d.schema())
		}
	}
	own["description"] = "The administrator's own facts, from facts.d."
	properties(root)[string(LocalFacts)] = own
	return root
}

// MetaSchema is the JSON Schema of input.meta: one object for each fact ID, all
// of the one kind that its definitions give. Where it becomes part of a larger
// schema, they belong at the root of that. The result is the caller's.
func MetaSchema() map[string]any {
	root := object()
	for _, d := range declared {
		properties(root)[string(d.ID)] = anEntry()
	}
	root["patternProperties"] = map[string]any{`^local\.`: anEntry()}
	root["definitions"] = map[string]any{"meta": metaEntry()}
	return root
}

func anEntry() map[string]any { return map[string]any{"$ref": "#/definitions/meta"} }

func object() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{}}
}

func properties(node map[string]any) map[string]any { return node["properties"].(map[string]any) }

// insert puts leaf at path below node, making objects on the way.
func insert(node map[string]any, path []string, leaf map[string]any) {
	props := properties(node)
	if len(path) == 1 {
		props[path[0]] = leaf
		return
	}
	child, ok := props[path[0]].(map[string]any)
	if !ok {
		child = object()
		props[path[0]] = child
	}
	insert(child, path[1:], leaf)
}

// schema is the JSON Schema of the fact's value.
func (d Desc) schema() map[string]any {
	s := map[string]any{"type": string(d.Type), "description": d.Help}
	values := s
	if d.Type == List {
		values = map[string]any{"type": "string"}
		s["type"], s["items"] = "array", values
	}
	if d.Enum != nil {
		values["enum"] = anys(d.Enum)
	}
	if d.Min != nil {
		s["minimum"] = *d.Min
	}
	if d.Max != nil {
		s["maximum"] = *d.Max
	}
	return s
}

func metaEntry() map[string]any {
	str := map[string]any{"type": "string"}
	entry := object()
	entry["properties"] = map[string]any{
		"age_seconds": map[string]any{"type": "integer", "minimum": 0.0},
		"source":      str,
		"quality":     map[string]any{"enum": anys([]string{"good", "assumed", "poor"})},
		"state":       map[string]any{"enum": anys([]string{string(Unknown), string(NotApplicable)})},
		"why":         str,
	}
	return entry
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
