package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner/control"
)

// room are two conditions on an administrator's own facts.
const room = `package eligibility

# METADATA
# title: The machine room is quiet
# custom: {clears_by: event, remedy: Wait.}
met contains "room_quiet" if input.facts.local.room_noise <= 3

# METADATA
# title: The lights are out
# custom: {clears_by: event, remedy: Wait.}
met contains "lights_out" if input.facts.local.lights == false
`

// inRoom requires both conditions of everything.
func (m *machine) inRoom() {
	m.t.Helper()
	m.write(filepath.Join(m.root, "etc/lull/policies/room.rego"), []byte(room), 0o644)
	requirements := filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")
	m.write(requirements, append(m.read(requirements), "  any: {room_quiet: true, lights_out: true}\n"...), 0o644)
}

// roomIs states the facts of room.
func (m *machine) roomIs(noise int, lights bool) {
	m.t.Helper()
	file := filepath.Join(m.paths.FactsLocal, "room.json")
	m.write(file+".new", fmt.Appendf(nil, `{"room_noise": {"value": %d, "max_age_seconds": 3600}, "lights": {"value": %v, "max_age_seconds": 3600}}`, noise, lights), 0o644)
	if err := os.Rename(file+".new", file); err != nil {
		m.t.Fatal(err)
	}
}

// A decision is what the journal has of one.
type decision struct {
	Action   string          `json:"action"`
	Decision engine.Decision `json:"decision"`
	Policy   string          `json:"policy"`
	Facts    map[string]any  `json:"facts"`
}

func (m *machine) decisions() (list []decision) {
	m.t.Helper()
	for _, rec := range m.records() {
		if rec.Kind != "decided" {
			continue
		}
		var d decision
		if err := json.Unmarshal(rec.Body, &d); err != nil {
			m.t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// sees waits until the daemon's answer to why shows that many conditions unmet,
// on a noise of that level.
func (m *machine) sees(c *control.Client, noise int, unmet ...string) (w control.Why) {
	m.t.Helper()
	eventually(m.t, 20*time.Second, func() (bool, string) {
		var err error
		w, err = c.Why(context.Background(), updaterID, "")
		var names []string
		for _, u := range w.Unmet {
			names = append(names, u.Condition)
		}
		heard := strings.Contains(string(w.Input), fmt.Sprintf(`"room_noise":%d`, noise)) || strings.Contains(string(w.Input), fmt.Sprintf(`"room_noise": %d`, noise))
		return err == nil && heard && slices.Equal(names, unmet), fmt.Sprintf("%v on %s, %v", names, w.Input, err)
	})
	return w
}

// The journal has each decision once, with the policies that took it and the facts
// that they read: looks, questions and restarts that change nothing add nothing.
func TestDecisionsAreJournaledOnChangeWithPolicyAndFacts(t *testing.T) {
	m := newMachine(t, nil)
	m.inRoom()
	m.roomIs(9, true)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	m.sees(c, 9, "lights_out", "room_quiet")
	digest := policyDigest(t, c)
	got := m.decisions()
	if len(got) != 1 {
		t.Fatalf("got %d decisions, want one: %+v", len(got), got)
	}
	first := got[0]
	if first.Policy != digest || first.Action != "scan" || first.Decision.Verdict != engine.Wait || fmt.Sprint(first.Decision.WaitsFor) != "[lights_out room_quiet]" {
		t.Errorf("got %+v, want a wait for both by %s", first, digest)
	}
	if local, _ := first.Facts["local"].(map[string]any); fmt.Sprint(local["room_noise"]) != "9" {
		t.Errorf("got facts %v, want those that were decided on", first.Facts)
	}
	if _, unread := first.Facts["memory"]; unread {
		t.Errorf("got facts %v, want none that no rule reads", first.Facts)
	}

	m.roomIs(8, true)
	m.sees(c, 8, "lights_out", "room_quiet")
	m.stop()
	c = m.start()
	m.sees(c, 8, "lights_out", "room_quiet")
	time.Sleep(time.Second) // what a start brings comes to its end
	if got = m.decisions(); len(got) != 1 {
		t.Fatalf("after a fact that changes nothing, and a restart: got %d decisions, want the one: %+v", len(got), got)
	}

	m.write(filepath.Join(m.root, "etc/lull/policies/thresholds/data.yaml"), []byte("cpu_busy_ratio: 0.3\n"), 0o644)
	eventually(t, 20*time.Second, func() (bool, string) { got = m.decisions(); return len(got) == 2, fmt.Sprint(got) })
	if got[1].Policy == digest || got[1].Policy != policyDigest(t, c) {
		t.Errorf("by other policies: got %+v", got[1])
	}
}

// What has come and gone while something else was in the way is in the way since
// it came back, although no decision was taken in between.
func TestWhyTellsSinceWhenAConditionIsInTheWayAgain(t *testing.T) {
	m := newMachine(t, nil)
	m.inRoom()
	m.roomIs(9, true)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	since := func(w control.Why) map[string]time.Time {
		out := map[string]time.Time{}
		for _, u := range w.Unmet {
			if u.Since == nil {
				t.Fatalf("%s: since nobody knows when", u.Condition)
			}
			out[u.Condition] = *u.Since
		}
		return out
	}
	first := since(m.sees(c, 9, "lights_out", "room_quiet"))
	time.Sleep(1100 * time.Millisecond)
	m.roomIs(2, true)
	m.sees(c, 2, "lights_out")
	time.Sleep(1100 * time.Millisecond)
	back := time.Now().Truncate(time.Second)
	m.roomIs(7, true)
	then := since(m.sees(c, 7, "lights_out", "room_quiet"))
	if !then["lights_out"].Equal(first["lights_out"]) {
		t.Errorf("the lights were on all along: got since %v, want %v", then["lights_out"], first["lights_out"])
	}
	if then["room_quiet"].Before(back) {
		t.Errorf("the room is loud again: got since %v, want %v or later", then["room_quiet"], back)
	}
	if n := len(m.decisions()); n != 1 {
		t.Errorf("got %d decisions, want the first alone", n)
	}
}

// Whoever asks in the same instant as an updater is registered is told what it
// waits for, and since when: questions come after the decision, not before it.
func TestAnAnswerTellsOfTheDecisionOnWhatIsNew(t *testing.T) {
	m := newMachine(t, nil)
	m.inRoom()
	m.roomIs(9, true)
	c := m.start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	known := func(ask func() (string, bool)) <-chan string { // asks until the updater is known
		answer := make(chan string, 1)
		go func() {
			for ctx.Err() == nil {
				if wrong, ok := ask(); ok {
					answer <- wrong
					return
				}
			}
			answer <- "not told of the updater within a minute"
		}()
		return answer
	}
	var answers []<-chan string
	for range 4 {
		answers = append(answers, known(func() (wrong string, ok bool) {
			w, err := c.Why(ctx, updaterID, "")
			for _, u := range w.Unmet {
				if u.Since == nil {
					wrong = fmt.Sprintf("why: %s: since nobody knows when", u.Condition)
				}
			}
			return wrong, err == nil
		}), known(func() (string, bool) {
			s, err := c.Status(ctx)
			if err != nil || len(s.Updaters) == 0 {
				return "", false
			}
			if it := s.Updaters[0].Current; it == nil || fmt.Sprint(it.WaitsFor) != "[lights_out room_quiet]" {
				return fmt.Sprintf("status: got %+v, want what waits for the lights and the room", it), true
			}
			return "", true
		}))
	}
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		if wrong := <-answer; wrong != "" {
			t.Error(wrong)
		}
	}
}
