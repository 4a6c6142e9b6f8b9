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

// A call in a session whose agent fell silent is still a call.
func TestBusyIsUnknownWhileAnAgentIsSilent(t *testing.T) {
	for _, c := range []struct {
		name string
		told []agentReport
		want cellState
	}{
		{"no agent", nil, cellKnown},
		{"an agent with nothing to tell", []agentReport{{}}, cellKnown},
		{"an agent that was lost", []agentReport{{why: "it was lost"}}, cellUnknown},
		{"nobody can be asked", []agentReport{{name: "agents", why: "no socket"}}, cellUnknown},
		{"one is silent and another in a call", []agentReport{{why: "it was lost"}, {busy: map[string]time.Duration{busyCall: time.Minute}}}, cellKnown},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &presenceCollector{root: plant(t, map[string]string{"proc/uptime": "1 1"})}
			b := &batch{cells: make([]cell, len(declared)), want: make([]bool, len(declared)), now: instant{boot: time.Hour}}
			b.want[busy], b.want[busySeconds] = true, true
			p.collectBusy(b, &logindState{}, nil, c.told)
			if got := b.cells[busy]; got.state != c.want || c.want == cellUnknown && got.text == "" {
				t.Errorf("got state %d (%s), want %d", got.state, got.text, c.want)
			}
			if c.want == cellUnknown && b.cells[busySeconds].state != cellUnknown {
				t.Error("how long is known of what is not")
			}
		})
	}
}
