package engine

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/lullhq/lull/policies"
)

// What is said about rules is said about them as they were written: the compiler
// works on copies.
func TestTheCompilerLeavesTheRulesAsTheyWereWritten(t *testing.T) {
	tree, diags := buildTree([]Layer{{Name: "embedded", FS: policies.FS}})
	p, mods := compileTree(context.Background(), tree, newSchema(nil), nil, &diags)
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

// What stops the work is found whatever the order in which it ends: all that was
// begun before is done, so the first one that says no is always the same.
func TestAllThatWasBegunBeforeTheFirstNoIsDone(t *testing.T) {
	const rounds = 200
	toTheEnd := 0
	for range rounds {
		var done [100]atomic.Bool
		onAllProcessors(len(done), func(i int) bool {
			done[i].Store(true)
			return i < 40
		})
		for i := range 41 {
			if !done[i].Load() {
				t.Fatalf("%d was not done, though the first no is 40", i)
			}
		}
		if done[99].Load() {
			toTheEnd++
		}
	}
	if toTheEnd == rounds {
		t.Error("no round stopped at the first no")
	}
}

// The glance at a scalar may leave none out that the expression finds.
func TestWhatIsClearAtAGlanceIsNotAmbiguous(t *testing.T) {
	const alphabet = "ynoefYNOF019+-._:=<x"
	var clear int
	var try func(s string)
	try = func(s string) {
		if isClear(s) {
			clear++
			if ambiguous().MatchString(s) {
				t.Errorf("%q is ambiguous", s)
			}
		}
		if len(s) < 4 {
			for _, c := range alphabet {
				try(s + string(c))
			}
		}
	}
	try("")
	for _, s := range []string{"few_cores_count", "300", "0", "standard"} {
		if !isClear(s) {
			t.Errorf("%q is left to the expression", s)
		}
	}
	if clear == 0 {
		t.Error("nothing is clear, so nothing is shown")
	}
}
