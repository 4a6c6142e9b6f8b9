package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// forbidden are the built-ins that make a decision depend on more than its
// input: the network, the process, the clock, chance. A name that ends in a dot
// is a prefix.
var forbidden = []string{
	"http.send", "net.", "opa.runtime", "rand.", "uuid.rfc4122", "time.now_ns", "trace", "rego.parse_module",
	"io.jwt.", "json.match_schema", "json.verify_schema", "providers.", "graphql.",
}

func isForbidden(name string) bool {
	return slices.ContainsFunc(forbidden, func(f string) bool {
		return name == f || strings.HasSuffix(f, ".") && strings.HasPrefix(name, f)
	})
}

var capabilities = sync.OnceValue(func() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return isForbidden(b.Name) })
	c.AllowNet = []string{}
	return c
})

// Capabilities returns the built-ins that policies may call, as JSON that stock
// `opa check --capabilities FILE` reads.
func Capabilities() []byte {
	out, err := json.MarshalIndent(capabilities(), "", "  ")
	if err != nil {
		panic("engine: capabilities do not marshal: " + err.Error()) // plain structs of OPA
	}
	return append(out, '\n')
}
