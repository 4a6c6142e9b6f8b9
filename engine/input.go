package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Section is one member of the input document, converted once. It never
// changes; the zero Section is an absent member.
type Section struct{ term *ast.Term }

// NewSection converts plain values: map[string]any, []any, []string, string,
// bool, integers, float64, json.Number. A nil anywhere is an error: in Rego
// null compares with everything.
func NewSection(v any) (Section, error) {
	if err := noNull(v, ""); err != nil {
		return Section{}, err
	}
	val, err := ast.InterfaceToValue(v)
	if err != nil {
		return Section{}, err
	}
	return Section{ast.NewTerm(val)}, nil
}

func noNull(v any, at string) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is null; leave out what is not known", cmpOr(at, "the value"))
	case map[string]any:
		for k, e := range v {
			if err := noNull(e, join(at, k)); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := noNull(e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// Input is the input document of one action, section by section.
type Input struct {
	Action, Update, Updater, Trust, Sandbox, Control, Running, Facts, Meta, Clock Section
}

// sectionKeys are the members of the input, in the order of section.
var sectionKeys = []string{"action", "update", "updater", "trust", "sandbox", "control", "running", "facts", "meta", "clock"}

var sectionTerms = func() (terms []*ast.Term) {
	for _, k := range sectionKeys {
		terms = append(terms, ast.StringTerm(k))
	}
	return terms
}()

func sectionIndex(name string) int { return slices.Index(sectionKeys, name) }

// ref points to the i-th section.
func (in *Input) ref(i int) *Section {
	return [...]*Section{&in.Action, &in.Update, &in.Updater, &in.Trust, &in.Sandbox, &in.Control, &in.Running, &in.Facts, &in.Meta, &in.Clock}[i]
}

// section returns the i-th section, nil when it is absent.
func (in *Input) section(i int) *ast.Term { return in.ref(i).term }

// term is the document as OPA wants it: an object of shared terms.
func (in *Input) term() *ast.Term {
	pairs := make([][2]*ast.Term, 0, len(sectionTerms))
	for i, key := range sectionTerms {
		if t := in.section(i); t != nil {
			pairs = append(pairs, [2]*ast.Term{key, t})
		}
	}
	return ast.NewTerm(ast.NewObject(pairs...))
}

// JSON is the document as plain JSON, for opa eval -i.
func (in *Input) JSON() ([]byte, error) {
	v, err := ast.JSON(in.term().Value)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(v, "", "  ")
}

// InputError says where an input document breaks its schema.
type InputError struct{ Problems []string }

// Error lists the problems.
func (e *InputError) Error() string {
	return "the input document is refused: " + strings.Join(e.Problems, "; ")
}

// ParseInput reads an input document strictly: duplicate keys, unknown
// members, wrong types and missing required members are an *InputError that
// names each place. A wrong type is as dangerous as a missing fact, because in
// Rego values of different types compare too.
func (e *Engine) ParseInput(data []byte) (*Input, error) { return e.gen.Load().schema.parseInput(data) }

// ParseInput is [Engine.ParseInput] for who has no engine yet: checking a
// document takes about as long as a fifth of loading the policies, and both may
// be done at once.
func ParseInput(schema, data []byte) (*Input, error) {
	return newSchema(schema).parseInput(data)
}

func (s *schema) parseInput(data []byte) (*Input, error) {
	if err := checkDuplicates(data); err != nil {
		return nil, &InputError{[]string{err.Error()}}
	}
	var doc any
	if err := util.UnmarshalJSON(data, &doc); err != nil {
		return nil, &InputError{[]string{"not JSON: " + err.Error()}}
	}
	m, ok := doc.(map[string]any)
	if !ok {
		return nil, &InputError{[]string{"the document is not an object"}}
	}
	value, err := ast.InterfaceToValue(m)
	if err != nil {
		return nil, &InputError{[]string{err.Error()}}
	}
	if err := s.fits(context.Background(), value); err != nil {
		return nil, err
	}
	return newInput(m)
}

// Validate reports where a document assembled from sections breaks the schema,
// as an *InputError. It costs some milliseconds, which is why [Engine.Decide]
// leaves it out: whoever starts something asks once, before the start.
func (e *Engine) Validate(ctx context.Context, in *Input) error {
	return e.gen.Load().schema.fits(ctx, in.term().Value)
}

func (s *schema) fits(ctx context.Context, doc ast.Value) error {
	problems, err := s.validate(ctx, doc)
	if err != nil {
		return fmt.Errorf("check the input document: %w", err)
	}
	if problems != nil {
		return &InputError{problems}
	}
	return nil
}

func newInput(m map[string]any) (*Input, error) {
	in := &Input{}
	for i, name := range sectionKeys {
		v, there := m[name]
		if !there {
			continue
		}
		sec, err := NewSection(v)
		if err != nil {
			return nil, &InputError{[]string{"input." + name + ": " + err.Error()}}
		}
		*in.ref(i) = sec
	}
	return in, nil
}

// checkDuplicates refuses a document in which one object has a key twice.
func checkDuplicates(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := checkValueKeys(dec, ""); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON document")
	}
	return nil
}

func notJSON(dec *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("not JSON: it ends too early, at byte %d", dec.InputOffset())
	}
	return fmt.Errorf("not JSON at byte %d: %w", dec.InputOffset(), err)
}

func checkValueKeys(dec *json.Decoder, at string) error {
	tok, err := dec.Token()
	if err != nil {
		return notJSON(dec, err)
	}
	switch tok {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			k, err := dec.Token()
			if err != nil {
				return notJSON(dec, err)
			}
			key, _ := k.(string)
			if seen[key] {
				return fmt.Errorf("input.%s appears twice", join(at, key))
			}
			seen[key] = true
			if err := checkValueKeys(dec, join(at, key)); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	case json.Delim('['):
		for i := 0; dec.More(); i++ {
			if err := checkValueKeys(dec, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	}
	if err != nil {
		return notJSON(dec, err)
	}
	return nil
}
