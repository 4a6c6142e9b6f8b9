package keepawake

import (
	"context"
	"errors"
	"testing"
)

func TestWithoutABusNobodyKeepsTheMachineAwake(t *testing.T) {
	release, err := Keeper{SystemBus: "-"}.Hold(t.Context(), "a test")
	if !errors.Is(err, ErrNobody) {
		t.Skipf("this platform needs no bus: %v", err)
	}
	if release != nil {
		t.Error("got a release together with an error")
	}
}

func ExampleKeeper_Hold() {
	release, err := Keeper{}.Hold(context.Background(), "installing reader 12.4")
	if err == nil {
		defer release()
	}
	// the work
}
