package runner

import (
	"encoding/json"
	"sync"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/trust"
)

// Schema returns the JSON Schema (draft-07) of the input document, CONTRACTS
// section 1. It is closed everywhere but in facts.local, the administrator's
// own facts, and in the predicates of attestations: a misspelt name in a
// policy is an error, and an input that breaks it is refused.
func Schema() []byte { return schema() }

var schema = sync.OnceValue(func() []byte { return schemaWith(nil) })

// SchemaOf is Schema on the machine of paths: closed in facts.local, too, where
// the administrator has given types to facts of their own. A file of types that
// cannot be used leaves its facts out; facts say why.
func SchemaOf(paths config.Paths) []byte {
	if local := localFacts(paths); len(local) > 0 {
		return schemaWith(local)
	}
	return Schema()
}

func schemaWith(local []facts.Desc) []byte {
	data, err := json.MarshalIndent(inputSchema(local...), "", "  ")
	if err != nil {
		panic(err) // plain data of our own making
	}
	return append(data, '\n')
}

// CheckSchemaOf is what SchemaOf allows without what it explains: a fifth of
// the text, for engines, which read it several times at each start.
func CheckSchemaOf(paths config.Paths) []byte {
	if local := localFacts(paths); len(local) > 0 {
		return checkSchemaWith(local)
	}
	return checkSchema()
}

var checkSchema = sync.OnceValue(func() []byte { return checkSchemaWith(nil) })

func checkSchemaWith(local []facts.Desc) []byte {
	schema := inputSchema(local...)
	dropTalk(schema)
	data, err := json.Marshal(schema)
	if err != nil {
		panic(err) // plain data of our own making
	}
	return data
}

// dropTalk removes titles and descriptions, which are strings; a member of that
// name is a schema.
func dropTalk(node object) {
	for _, key := range []string{"title", "description"} {
		if _, ok := node[key].(string); ok {
			delete(node, key)
		}
	}
	for _, part := range node {
		if part, ok := part.(object); ok {
			dropTalk(part)
		}
	}
}

func localFacts(paths config.Paths) []facts.Desc {
	local, _ := facts.LocalCatalogue(paths.FactTypes...)
	return local
}

type object = map[string]any

func inputSchema(local ...facts.Desc) object {
	meta := facts.MetaSchema()
	definitions := meta["definitions"]
	delete(meta, "definitions")
	s := closed(object{
		"action": closed(object{
			"kind": known(kinds...), "updater": name, "update": name, "pausable": boolean, "exclusive": boolean, "requires_network": boolean,
			"disk_bytes": natural, "estimated_seconds": natural,
		}, "kind", "updater", "pausable", "exclusive", "requires_network", "disk_bytes", "estimated_seconds"),
		"update": closed(object{
			"component": text, "version": text, "security": boolean, "size_bytes": natural, "deadline_in_seconds": integer,
			"grace_seconds": natural, "waited_seconds": natural, "restart": enum(restartNone, restartApp, restartSession, restartSystem),
		}, "component", "version", "security", "size_bytes", "grace_seconds", "waited_seconds", "restart"),
		"updater": closed(object{"id": name, "vendor": name, "priority": natural, "failures": natural}, "id", "vendor", "priority", "failures"),
		"trust":   trust.FactsSchema(),
		"sandbox": closed(object{"layers": list(text), "memory": enum("enforced", "weak", "none")}, "layers", "memory"),
		"control": closed(object{"hold": boolean, "approved": boolean, "approved_metered": boolean, "retry_in_seconds": natural},
			"hold", "approved", "approved_metered", "retry_in_seconds"),
		"running": list(closed(object{"updater": name, "kind": enum(kinds...), "exclusive": boolean}, "updater", "kind", "exclusive")),
		"facts":   facts.Schema(local...),
		"meta":    meta,
		"clock": closed(object{
			"unix_seconds": natural, "weekday": enum("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
			"minute_of_day": object{"type": "integer", "minimum": 0, "maximum": 1439}, "timezone": text, "trusted": boolean,
		}, "unix_seconds", "weekday", "minute_of_day", "timezone", "trusted"),
	}, "action", "updater", "trust", "control", "running", "facts", "clock")
	s["definitions"] = definitions
	s["$schema"] = "http://json-schema.org/draft-07/schema#"
	s["title"] = "lull: the input document of one action"
	return s
}

var (
	text    = object{"type": "string"}
	name    = object{"type": "string", "minLength": 1}
	boolean = object{"type": "boolean"}
	integer = object{"type": "integer"}
	natural = object{"type": "integer", "minimum": 0}
	kinds   = []string{actionScan, actionDownload, actionInstall, actionUninstall, actionPrereboot, actionRestart, actionComplete}
)

func list(of object) object { return object{"type": "array", "items": of} }

// known is a string of which lull itself gives these values. Another one is
// not refused but for policy to answer: known_action denies it. The engine
// finds words in policies that are none of the examples.
func known(values ...string) object {
	return object{"type": "string", "minLength": 1, "examples": values}
}

func enum(values ...string) object { return object{"type": "string", "enum": values} }

func closed(members object, required ...string) object {
	return object{"type": "object", "additionalProperties": false, "properties": members, "required": required}
}
