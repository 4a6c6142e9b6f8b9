package runner_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
)

// revoke does what `lull vendor revoke` does, in a process of its own.
func (m *machine) revoke() {
	m.t.Helper()
	tr, err := trust.Open(trust.Options{
		VendorDirs: m.paths.VendorDirs, RootDirs: m.paths.RootDirs, StateDir: m.paths.State, BaseDir: m.paths.Base(), Unprivileged: os.Geteuid() != 0,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Revoke("example", "", "went rogue"); err != nil {
		m.t.Fatal(err)
	}
}

// refusedAsRevoked waits until the journal tells of the revocation and of an
// action that was refused for it.
func (m *machine) refusedAsRevoked() {
	m.t.Helper()
	holds := func(kind, text string) func() (bool, string) {
		return func() (bool, string) {
			for _, rec := range m.records() {
				if rec.Kind == kind && strings.Contains(string(rec.Body), text) {
					return true, ""
				}
			}
			return false, "the journal has no " + kind
		}
	}
	eventually(m.t, 20*time.Second, holds("revoked", "went rogue"))
	eventually(m.t, 20*time.Second, holds("refused", `"code":"revoked"`))
}

func (m *machine) finished(action string) (found journal.Record, ok bool) {
	for _, rec := range m.records() {
		if rec.Kind == "finished" && strings.Contains(string(rec.Body), `"action":"`+action+`"`) {
			return rec, true
		}
	}
	return found, false
}

func TestARevokedVendorsRunningWorkThatCannotPauseFinishesAndNothingFollows(t *testing.T) {
	m := newMachine(t, map[string]int{"scan": 4000})
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() (bool, string) { return m.ran("scan begin") == 1, "scan" })
	m.revoke()
	eventually(t, 20*time.Second, func() (bool, string) { _, ok := m.finished("scan"); return ok, "the scan has not finished" })
	if m.ran("scan end") != 1 {
		t.Error("the scan was not left to finish")
	}
	m.refusedAsRevoked()
	if n := m.ran("download begin"); n != 0 {
		t.Errorf("download ran %d times for a revoked vendor", n)
	}
}

func TestARevokedVendorsPausableWorkIsEnded(t *testing.T) {
	m := newMachine(t, map[string]int{"download": 120_000})
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { return m.ran("download begin") == 1, "download" })
	m.revoke()
	eventually(t, 60*time.Second, func() (bool, string) { _, ok := m.finished("download"); return ok, "the download goes on" })
	rec, _ := m.finished("download")
	if !strings.Contains(string(rec.Body), `"outcome":"canceled"`) || m.ran("download end") != 0 {
		t.Errorf("it ended as %s", rec.Body)
	}
	m.refusedAsRevoked()
}

func TestARevokedVendorsWaitingWorkIsRefusedAtOnce(t *testing.T) {
	m := newMachine(t, map[string]int{"scan": 500})
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(context.Background(), "hold", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() (bool, string) {
		w, err := c.Why(context.Background(), updaterID, "")
		return err == nil && len(w.Unmet) > 0 && w.Unmet[0].Condition == "not_held", "not waiting"
	})
	m.revoke()
	m.refusedAsRevoked()
}

// TestARevokedVendorsFrozenWorkIsEnded: the user has come back and the download
// stands still; then its vendor is revoked.
func TestARevokedVendorsFrozenWorkIsEnded(t *testing.T) {
	m := newMachine(t, map[string]int{"download": 120_000})
	m.require("download", "user_away")
	var idle atomic.Int64
	idle.Store(100_000)
	m.spoil = func(doc map[string]any) {
		if known, ok := doc["facts"].(map[string]any); ok {
			presence, _ := known["presence"].(map[string]any)
			if presence == nil {
				presence = map[string]any{}
			}
			presence["idle_seconds"] = idle.Load()
			known["presence"] = presence
		}
	}
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { return m.ran("download begin") == 1, "download" })
	idle.Store(0)
	eventually(t, 20*time.Second, func() (bool, string) { return m.daemon.Freeze(updaterID), "nothing runs" })
	m.tells("frozen", `"action":"download"`)
	time.Sleep(time.Second) // some turns of the loop
	for _, rec := range m.records() {
		if rec.Kind == "thawed" || rec.Kind == "finished" && strings.Contains(string(rec.Body), `"action":"download"`) {
			t.Fatalf("it does not stay frozen: %s %s", rec.Kind, rec.Body)
		}
	}
	m.revoke()
	eventually(t, 30*time.Second, func() (bool, string) { _, ok := m.finished("download"); return ok, "the download is still frozen" })
	rec, _ := m.finished("download")
	if !strings.Contains(string(rec.Body), `"outcome":"canceled"`) || m.ran("download end") != 0 {
		t.Errorf("it ended as %s", rec.Body)
	}
	m.refusedAsRevoked()
}

// TestAClockThatCannotBeRightMakesTrustWait: nothing is denied, and once the
// clock is right again work goes on.
func TestAClockThatCannotBeRightMakesTrustWait(t *testing.T) {
	m := newMachine(t, nil)
	var behind atomic.Int64
	m.now = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
	scans := m.ran("scan begin")
	scan := func() {
		t.Helper()
		if _, err := c.Do(context.Background(), "scan", updaterID, control.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	behind.Store(int64(400 * 24 * time.Hour))
	scan()
	eventually(t, 20*time.Second, func() (bool, string) {
		s, err := c.Status(context.Background())
		if err != nil || len(s.Updaters) != 1 || s.Updaters[0].Current == nil {
			return false, fmt.Sprintf("nothing waits: %+v, %v", s.Updaters, err)
		}
		now := s.Updaters[0].Current
		return now.Code == "clock_implausible" && now.State == control.Waiting && now.Verdict == "wait" && len(now.DeniedBy) == 0, fmt.Sprintf("%+v", now)
	})
	if n := m.ran("scan begin"); n != scans {
		t.Errorf("the scan ran %d times by a clock that cannot be right", n-scans)
	}
	behind.Store(0)
	scan() // any event will do: the look that was put off is due now
	eventually(t, 20*time.Second, func() (bool, string) { return m.ran("scan begin") > scans, "the scan still waits" })
}
