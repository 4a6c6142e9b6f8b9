package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A schema is the JSON Schema of the input in the forms that are needed. The
// validator is compiled at first use: a daemon that only decides never needs it.
type schema struct {
	raw       any // as OPA's compiler takes it; nil: unchecked
	text      []byte
	once      sync.Once
	validator *jsonschema.Schema
	err       error
}

func newSchema(text []byte) (*schema, error) {
	s := &schema{text: text}
	if len(text) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(text, &s.raw); err != nil {
		return nil, fmt.Errorf("schema of the input: %w", err)
	}
	return s, nil
}

// kinds are the action kinds that the schema names; nil when it names none.
func (s *schema) kinds() []string { return s.words("action", "kind") }

// words are the strings that the schema names for a member of the input:
// those it allows, or gives as examples because policy answers for others. Nil
// when it names none.
func (s *schema) words(path ...string) []string {
	at, _ := s.raw.(map[string]any)
	for _, name := range path {
		properties, _ := at["properties"].(map[string]any)
		at, _ = properties[name].(map[string]any)
	}
	list, ok := at["enum"].([]any)
	if !ok {
		list, _ = at["examples"].([]any)
	}
	var out []string
	for _, v := range list {
		if word, ok := v.(string); ok {
			out = append(out, word)
		}
	}
	return out
}

// validate checks a decoded document; a nil schema accepts everything.
func (s *schema) validate(doc any) error {
	if s.raw == nil {
		return nil
	}
	s.ready()
	if s.err != nil {
		return s.err
	}
	return s.validator.Validate(doc)
}

func (s *schema) ready() { s.once.Do(s.compile) }

func (s *schema) compile() {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.text))
	if err != nil {
		s.err = err
		return
	}
	c := jsonschema.NewCompiler()
	if s.err = c.AddResource("input.json", doc); s.err == nil {
		s.validator, s.err = c.Compile("input.json")
	}
}
