package execute

import (
	"fmt"
	"testing"
)

func TestAProgramThatExitsWithZeroHasSucceeded(t *testing.T) {
	r := run(t, nil, behaving(t, "exit", "0"))
	if r.Outcome != Succeeded {
		t.Fatalf("got %+v, want succeeded", r)
	}
	fmt.Printf("%+v\n", r)
}
