package runner

import (
	"encoding/json"
	"strings"
	"testing"
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
