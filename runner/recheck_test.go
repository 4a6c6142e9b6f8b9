package runner_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/control"
)

// quiet is an administrator's own condition on an administrator's own fact.
const quiet = `package eligibility

# METADATA
# title: The machine room is quiet
# custom: {clears_by: event, remedy: Wait until the machine room is quiet.}
met contains "room_quiet" if input.facts.local.room_noise <= 3
`

// noise states the fact of quiet.
func (m *machine) noise(level int) {
	m.t.Helper()
	file := filepath.Join(m.paths.FactsLocal, "room.json")
	m.write(file, fmt.Appendf(nil, `{"room_noise": {"value": %d, "max_age_seconds": 3600}}`, level), 0o644)
}

// What waits is looked at with a comparison at each change of the facts it reads;
// the policy itself is asked when the comparison says that it may run.
func TestWhatWaitsIsDecidedAgainWhenItMayRun(t *testing.T) {
	m := newMachine(t, nil)
	m.write(filepath.Join(m.root, "etc/lull/policies/room.rego"), []byte(quiet), 0o644)
	m.write(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml"),
		append(m.read(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")), "  any: {room_quiet: true}\n"...), 0o644)
	m.noise(9)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	status := func() control.Status {
		s, err := c.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		s := status()
		cur := s.Updaters[0].Current
		return cur != nil && fmt.Sprint(cur.WaitsFor) == "[room_quiet]", fmt.Sprintf("%+v", cur)
	})
	before := status()
	for level := 8; level > 3; level-- {
		m.noise(level)
		eventually(t, 20*time.Second, func() (bool, string) {
			w, err := c.Why(ctx, updaterID, "")
			want := fmt.Sprintf("facts.local.room_noise = %d", level)
			return err == nil && len(w.Unmet) == 1 && len(w.Unmet[0].Observed) == 1 && w.Unmet[0].Observed[0] == want, fmt.Sprintf("%+v %v", w.Unmet, err)
		})
	}
	after := status()
	if after.Work.Looks <= before.Work.Looks {
		t.Errorf("the facts changed and nobody looked: %+v, then %+v", before.Work, after.Work)
	}
	// A status asks the policy once for each thing that waits: nothing else may have.
	if asked := after.Work.Decisions - before.Work.Decisions; asked > 1 {
		t.Errorf("the policy was asked %d times while nothing could have changed", asked)
	}
	m.noise(2)
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
	if recs := facts.ReadRecords(m.paths.FactsLog, time.Time{}); recs != nil {
		n := 0
		for range recs {
			n++
		}
		if n == 0 {
			t.Error("the facts of all this were not recorded")
		}
	}
}
