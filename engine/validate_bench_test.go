package engine_test

import (
	"context"
	"testing"
)

// BenchmarkValidate checks one assembled document against the schema, which is
// done once before a start.
func BenchmarkValidate(b *testing.B) {
	e := open(b)
	in := input(b, e, nil)
	for b.Loop() {
		if err := e.Validate(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}
