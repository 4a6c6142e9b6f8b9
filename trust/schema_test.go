package trust

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fits fails unless facts fit the schema that policies are checked against.
func fits(t *testing.T, facts map[string]any) {
	t.Helper()
	schema, err := json.Marshal(FactsSchema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("trust.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("trust.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%s\n%v", text, err)
	}
}

func TestFactsAlwaysFitTheirSchema(t *testing.T) {
	fits(t, Unchecked())
	w := newWorld(t)
	p := w.admitted("3.1.0")
	u, a := w.staged(p, "12.4.0", "x")
	ctx := context.Background()
	for name, check := range map[string]func() map[string]any{
		"verified": func() map[string]any { _, told, _ := w.Check(ctx, p, "install", u, a); return told },
		"a scan":   func() map[string]any { _, told, _ := w.Check(ctx, p, "scan", nil, nil); return told },
		"no document": func() map[string]any {
			_, told, _ := w.Check(ctx, p, "install", nil, nil)
			return told
		},
		"not stored": func() map[string]any {
			_, told, _ := w.Check(ctx, &Package{ID: p.ID, Digest: hexDigest(nil)}, "scan", nil, nil)
			return told
		},
	} {
		t.Run(name, func(t *testing.T) { fits(t, check()) })
	}
	w.Revoke("example", "2027", "stolen")
	_, told, err := w.Check(ctx, p, "scan", nil, nil)
	wantCode(t, err, "revoked")
	fits(t, told)
	if _, ok := told["package"]; ok {
		t.Error("facts of a package that nobody vouches for any more are told")
	}
}

func TestKeylessFactsFitTheirSchema(t *testing.T) {
	w, s := keylessWorld(t)
	dir := w.packKeyless(s, workflow, gitHub)
	w.write("pkg/a/p.intoto.sigstore.json", string(s.Attest(workflow, gitHub, w.statement("manifest.json", hexDigest([]byte(w.read("pkg/a/manifest.json"))), slsa))))
	p, err := w.Admit(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, told, err := w.Check(context.Background(), p, "scan", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fits(t, told)
}
