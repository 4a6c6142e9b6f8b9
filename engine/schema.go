package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A schema is the JSON Schema of the input: as text for OPA, and what the engine
// itself looks up in it.
type schema struct {
	text []byte // empty: unchecked
	read func() (*member, error)
}

// A member is the part of a schema that is about one member of the input.
type member struct {
	Type       any                `json:"type"` // a string, or a list of them
	Enum       []any              `json:"enum"`
	Examples   []any              `json:"examples"`
	Items      *member            `json:"items"`
	Properties map[string]*member `json:"properties"`
}

// newSchema keeps the text; what stands in it is read when it is first asked for,
// which for most of a load nobody does.
func newSchema(text []byte) *schema {
	return &schema{text: text, read: sync.OnceValues(func() (*member, error) {
		root := &member{}
		if len(text) == 0 {
			return root, nil
		}
		if err := json.Unmarshal(text, root); err != nil {
			return &member{}, fmt.Errorf("schema of the input: %w", err)
		}
		return root, nil
	})}
}

// forOPA is the schema as OPA's compiler takes it: nil for none. It writes out
// and reads again what it is given, which costs least where that is text.
func (s *schema) forOPA() any {
	if len(s.text) == 0 {
		return nil
	}
	return json.RawMessage(s.text)
}

// kinds are the action kinds that the schema names; nil when it names none.
func (s *schema) kinds() []string { return s.words("action", "kind") }

// words are the strings that the schema names for a member of the input:
// those it allows, or gives as examples because policy answers for others. Nil
// when it names none.
func (s *schema) words(path ...string) []string {
	at := s.at(path)
	list := at.Enum
	if list == nil {
		list = at.Examples
	}
	var out []string
	for _, v := range list {
		if word, ok := v.(string); ok {
			out = append(out, word)
		}
	}
	return out
}

// kindOf is the type that the schema gives a member of the input, "" for none.
func (s *schema) kindOf(path string) string {
	name, _ := s.at(splitPath(path)).Type.(string)
	return name
}

// validate lists what of a document breaks the schema, as "place: what is
// wrong", sorted; an empty schema accepts everything. The validator is OPA's own,
// behind the built-in json.match_schema: one more would say the same and cost
// every daemon two megabytes.
func (s *schema) validate(ctx context.Context, doc ast.Value) (problems []string, err error) {
	if len(s.text) == 0 {
		return nil, nil
	}
	match := topdown.GetBuiltin(ast.JSONMatchSchema.Name)
	bctx := topdown.BuiltinContext{Context: ctx, Capabilities: &ast.Capabilities{AllowNet: []string{}}}
	err = match(bctx, []*ast.Term{ast.NewTerm(doc), ast.StringTerm(string(s.text))}, func(answer *ast.Term) error {
		var a []any
		if err := ast.As(answer.Value, &a); err != nil {
			return err
		}
		for _, e := range a[1].([]any) {
			problems = append(problems, s.problem(e.(map[string]any)))
		}
		return nil
	})
	slices.Sort(problems)
	return problems, err
}

// problem words one of the validator's findings.
func (s *schema) problem(e map[string]any) string {
	place, _ := e["field"].(string)
	what, _ := e["desc"].(string)
	path := strings.Split(place, ".")
	if place == "(root)" {
		place, path = "", nil
	}
	if name, ok := strings.CutPrefix(what, "Additional property "); ok && e["type"] == "additional_property_not_allowed" {
		name = strings.TrimSuffix(name, " is not allowed")
		what = fmt.Sprintf("has no member %q", name)
		if hint := didYouMean(name, s.members(path), ""); hint != "" {
			what += "; " + hint
		}
	}
	if what != "" {
		what = strings.ToLower(what[:1]) + what[1:]
	}
	return strings.TrimSuffix("input."+place, ".") + ": " + what
}

// at is the part of the schema that is about a member of the input; empty where
// it has none.
func (s *schema) at(path []string) *member {
	at, _ := s.read() // a load has asked for the error
	for _, name := range path {
		if at.Items != nil {
			at = at.Items // name is an index
		} else if at = at.Properties[name]; at == nil {
			return &member{}
		}
	}
	return at
}

func (s *schema) members(path []string) []string {
	return slices.Sorted(maps.Keys(s.at(path).Properties))
}
