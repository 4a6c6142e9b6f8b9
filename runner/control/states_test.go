package control

import "testing"

// TestNothingButInstalledIsShownAsInstalled pairs an installed update with one
// in every other state.
func TestNothingButInstalledIsShownAsInstalled(t *testing.T) {
	installed := Update{State: Installed}
	for _, s := range []State{Idle, Waiting, Denied, Verifying, Running, Frozen, AwaitsRestart, Failed, NeedsAttention, Gone, Held, Broken, "", "from a later version"} {
		other := Update{State: s}
		got := StateOf([]Update{installed, other})
		if back := StateOf([]Update{other, installed}); back != got {
			t.Errorf("%s: the order matters: %s or %s", s, got, back)
		}
		if alone := StateOf([]Update{other}); alone == Installed {
			t.Errorf("%s alone is shown as installed", s)
		}
		if quiet := s == Gone || s == Idle; (got == Installed) != quiet {
			t.Errorf("beside %q: got %s", s, got)
		}
	}
	if got := StateOf(nil); got != Idle {
		t.Errorf("without updates: got %s", got)
	}
	if got := StateOf([]Update{installed}); got != Installed {
		t.Errorf("installed alone: got %s", got)
	}
}

func TestTheMostUrgentStateIsTheOneWord(t *testing.T) {
	list := []Update{{State: Waiting}, {State: Failed}, {State: AwaitsRestart}, {State: NeedsAttention}, {State: Installed}}
	if got := StateOf(list); got != NeedsAttention {
		t.Errorf("got %s", got)
	}
	if got := StateOf(list[:3]); got != Failed {
		t.Errorf("got %s", got)
	}
}
