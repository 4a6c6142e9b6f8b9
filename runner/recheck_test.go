package runner_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
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

// An event that leaves only time to wait for must set the timer: nothing else
// will ever announce that the time has come.
func TestTimeIsWaitedForAfterAnEventHasLeftNothingElse(t *testing.T) {
	m := newMachine(t, nil)
	due := time.Now().Add(6 * time.Second).Unix()
	rule := strings.Replace(quiet, "if input.facts.local.room_noise <= 3",
		fmt.Sprintf("if {\n\tinput.facts.local.room_noise <= 3\n\tinput.clock.unix_seconds >= %d\n}", due), 1)
	m.write(filepath.Join(m.root, "etc/lull/policies/room.rego"), []byte(rule), 0o644)
	m.write(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml"),
		append(m.read(filepath.Join(m.root, "etc/lull/policies/requirements/data.yaml")), "  any: {room_quiet: true}\n"...), 0o644)
	m.noise(9)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	m.noise(2)
	time.Sleep(time.Until(time.Unix(due, 0)))
	if m.ran("scan begin") > 0 && time.Now().Unix() < due {
		t.Error("it ran before its time")
	}
	// The journal is read, not the daemon asked: a question makes it look.
	eventually(t, 20*time.Second, func() (bool, string) { return m.ran("scan begin") > 0, "nothing has run" })
}

// BenchmarkPolicyInForce is the time from an administrator's save to the decision
// by it, with a hundred policy files: noticing, letting the edit settle,
// compiling, swapping.
func BenchmarkPolicyInForce(b *testing.B) {
	m := newMachine(b, nil)
	dir := filepath.Join(m.root, "etc/lull/policies")
	for i := range 100 {
		rule := fmt.Sprintf("package eligibility\n\nmet contains \"site_%d\" if input.facts.cpu.cores >= %d\n", i, i%8)
		m.write(filepath.Join(dir, fmt.Sprintf("site_%d.rego", i)), []byte(rule), 0o644)
	}
	c := m.start()
	ctx := context.Background()
	digest := func() string {
		s, err := c.Status(ctx)
		if err != nil {
			b.Fatal(err)
		}
		return s.Policy.Digest
	}
	before, n := digest(), 0
	for b.Loop() {
		n++
		m.write(filepath.Join(dir, "thresholds/data.yaml"), fmt.Appendf(nil, "cpu_busy_ratio: 0.%d\n", 100+n), 0o644)
		for digest() == before {
			time.Sleep(time.Millisecond)
		}
		before = digest()
	}
}

// Types of local facts count at once, for policies as for facts.
func TestTypesOfLocalFactsCountWithoutARestart(t *testing.T) {
	m := newMachine(t, nil)
	m.write(filepath.Join(m.root, "etc/lull/policies/room.rego"), []byte(quiet), 0o644)
	types := filepath.Join(m.root, "etc/lull/facts.d/room.schema.json")
	c := m.start()
	rejected := func(want string) {
		t.Helper()
		eventually(t, 20*time.Second, func() (bool, string) {
			s, err := c.Status(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(s.Policy)
			return (s.Policy.Rejected != "") == (want != "") && strings.Contains(got, want), got
		})
	}
	m.write(types, []byte(`{"room_nosie": {"type": "integer"}}`), 0o644)
	rejected("room_noise")
	m.write(types, []byte(`{"room_noise": {"type": "integer"}}`), 0o644)
	rejected("")
}
