package cli

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// settled writes the JSON of the last command to the file "settled" with what
// differs from run to run and from machine to machine named instead of shown,
// so that the rest can be compared to the letter: "settled", and "settled -first" to
// keep of each list but its first member.
func settled(ts *testscript.TestScript, _ bool, args []string) {
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	doc = settle(doc, "", ts.Getenv("ROOT"), slices.Contains(args, "-first"))
	out, err := json.MarshalIndent(doc, "", "  ")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("settled"), append(out, '\n'), 0o644))
}

// varying are the members that belong to one process or one machine.
var varying = []string{"pid", "boot", "version", "records", "looks", "decisions", "layers", "memory", "warnings", "unprivileged", "facts", "meta", "clock", "device_class", "duration"}

var (
	digests  = regexp.MustCompile(`[0-9a-f]{64}`)
	instants = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
)

func settle(v any, key, root string, first bool) any {
	if slices.Contains(varying, key) {
		return "…"
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = settle(e, k, root, first)
		}
	case []any:
		if first && len(v) > 1 {
			v = v[:1]
		}
		for i, e := range v {
			v[i] = settle(e, "", root, first)
		}
		return v
	case string:
		v = strings.ReplaceAll(v, root, "ROOT")
		v = digests.ReplaceAllString(v, "DIGEST")
		return instants.ReplaceAllString(v, "INSTANT")
	}
	return v
}
