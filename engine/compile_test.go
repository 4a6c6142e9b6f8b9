package engine

import (
	"context"
	"testing"

	"github.com/lullhq/lull/policies"
)

// What is said about rules is said about them as they were written: the compiler
// works on copies.
func TestTheCompilerLeavesTheRulesAsTheyWereWritten(t *testing.T) {
	tree, diags := buildTree([]Layer{{Name: "embedded", FS: policies.FS}})
	p, mods := compileTree(context.Background(), tree, nil, &diags)
	if p == nil {
		t.Fatal(diags)
	}
	written := parseRules(tree.rules, &diags)
	rewritten := 0
	for name, want := range written {
		if got := mods[name]; got.String() != want.String() {
			t.Errorf("%s is now\n%v\nwant\n%v", name, got, want)
		}
		if p.compiler.Modules[name].String() != want.String() {
			rewritten++
		}
	}
	if rewritten == 0 {
		t.Error("the compiler rewrote nothing, so nothing is shown")
	}
}
