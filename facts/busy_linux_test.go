package facts

import (
	"testing"
	"time"
)

func TestEachBusyReasonIsShownWithItsAge(t *testing.T) {
	var w busyWatch
	w.look(time.Hour, map[string]time.Duration{"call by a": 0})
	newest := w.look(time.Hour+90*time.Second, map[string]time.Duration{"call by a": 0, "game by the agent of user 7": 20 * time.Second})
	if newest != 20*time.Second {
		t.Errorf("newest: got %v, want 20s", newest)
	}
	want := "call by a for 1m30s; game by the agent of user 7 for 20s"
	if got := w.describe(time.Hour + 90*time.Second); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if w.look(2*time.Hour, nil); w.describe(2*time.Hour) != "" {
		t.Errorf("after all were released: got %q, want nothing", w.describe(2*time.Hour))
	}
}
