package engine_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner"
)

// embedded is the layer that lull ships.
var embedded = engine.Layer{Name: "embedded", FS: policies.FS}

// files makes a layer of an administrator.
func files(content map[string]string) engine.Layer {
	m := fstest.MapFS{}
	for name, text := range content {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return engine.Layer{Name: "etc", FS: m}
}

func options(layers ...engine.Layer) engine.Options {
	return engine.Options{
		Layers: func() []engine.Layer { return append([]engine.Layer{embedded}, layers...) },
		Schema: runner.Schema(), Deadline: 10 * time.Second, // of a loaded test machine
	}
}

func open(t testing.TB, layers ...engine.Layer) *engine.Engine {
	t.Helper()
	e, err := engine.New(context.Background(), options(layers...))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// document is the runnable input of testdata, changed by dotted paths; a nil
// value removes the leaf.
func document(t testing.TB, changes map[string]any) map[string]any {
	t.Helper()
	data, err := os.ReadFile("testdata/runnable.json")
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for path, v := range changes {
		change(doc, strings.Split(path, "/"), v)
	}
	return doc
}

func change(doc map[string]any, path []string, v any) {
	for _, p := range path[:len(path)-1] {
		next, ok := doc[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			doc[p] = next
		}
		doc = next
	}
	if last := path[len(path)-1]; v == nil {
		delete(doc, last)
	} else {
		doc[last] = v
	}
}

// input parses the runnable input with changes, whose paths use slashes.
func input(t testing.TB, e *engine.Engine, changes map[string]any) *engine.Input {
	t.Helper()
	data, err := json.Marshal(document(t, changes))
	if err != nil {
		t.Fatal(err)
	}
	in, err := e.ParseInput(data)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func sameStrings(t testing.TB, what string, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
