package runner

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lullhq/lull/runner/config"
)

// open are the objects whose members are their authors' own.
var open = map[string]bool{
	"facts.local": true, "trust.attestations[].predicate": true, "trust.signature.identity.extensions": true,
}

func TestTheSchemaIsClosedEverywhere(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	if got, want := schema["$schema"], "http://json-schema.org/draft-07/schema#"; got != want {
		t.Errorf("$schema: got %v, want %v", got, want)
	}
	seen := 0
	walkSchema(schema, "", func(at string, node map[string]any) {
		node = referred(t, schema, node)
		seen++
		if node["type"] == "object" && node["additionalProperties"] != false && !open[at] {
			t.Errorf("%s takes members of any name", at)
		}
		if kind := node["type"]; kind == nil && node["enum"] == nil && !open[at] {
			t.Errorf("%s takes a value of any type", at)
		}
	})
	if seen < 100 {
		t.Errorf("saw %d members, want more than 100", seen)
	}
}

func TestNumbersThatCannotBeNegativeHaveAMinimum(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	walkSchema(schema, "", func(at string, node map[string]any) {
		signed := strings.HasSuffix(at, "_in_seconds") || strings.HasPrefix(at, "trust.")
		if number := node["type"] == "integer" || node["type"] == "number"; number && node["minimum"] == nil && !signed {
			t.Errorf("%s has no minimum", at)
		}
	})
}

// referred is what a node that refers to another one refers to.
func referred(t *testing.T, schema, node map[string]any) map[string]any {
	ref, refers := node["$ref"].(string)
	if !refers {
		return node
	}
	definitions, _ := schema["definitions"].(map[string]any)
	target, ok := definitions[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
	if !ok {
		t.Errorf("%s leads nowhere", ref)
	}
	return target
}

// What the engine checks by is what is published but for the words: nothing
// more and nothing less is allowed, also where a member is named like a word.
func TestTheEngineChecksByThePublishedSchema(t *testing.T) {
	var published, checked map[string]any
	if err := errors.Join(json.Unmarshal(Schema(), &published), json.Unmarshal(CheckSchemaOf(config.Paths{}), &checked)); err != nil {
		t.Fatal(err)
	}
	words := 0
	visit := func(_ string, node map[string]any) {
		for _, word := range []string{"title", "description"} {
			if _, ok := node[word].(string); ok {
				words++
				delete(node, word)
			}
		}
	}
	walkSchema(checked, "", visit)
	if words > 0 {
		t.Errorf("the engine reads %d titles and descriptions", words)
	}
	walkSchema(published, "", visit)
	if words < 30 {
		t.Errorf("the published schema explains %d members, want at least 30", words)
	}
	if !reflect.DeepEqual(published, checked) {
		t.Errorf("published:\n%v\nchecked by:\n%v", published, checked)
	}
	titled := object{"title": "words", "properties": object{"title": text, "description": object{"description": "words"}}}
	dropTalk(titled)
	if want := (object{"properties": object{"title": text, "description": object{}}}); !reflect.DeepEqual(titled, want) {
		t.Errorf("got %v, want %v", titled, want)
	}
}

// walkSchema visits node and what it says of members and items.
func walkSchema(node map[string]any, at string, visit func(at string, node map[string]any)) {
	visit(at, node)
	members, _ := node["properties"].(map[string]any)
	for name, m := range members {
		walkSchema(m.(map[string]any), strings.TrimPrefix(at+"."+name, "."), visit)
	}
	if items, ok := node["items"].(map[string]any); ok {
		walkSchema(items, at+"[]", visit)
	}
}
