package runner_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/control"
)

// An update may wait for days. What a vendor mends in the meantime must be
// found all the same.
func TestANewerUpdateIsFoundWhileAnOlderOneWaits(t *testing.T) {
	m := newMachine(t, nil)
	etc := filepath.Join(m.root, "etc/lull/policies")
	m.write(filepath.Join(etc, "thresholds/data.yaml"), []byte("disk_reserve_bytes: 9000000000000000\n"), 0o644)
	m.require("install", "disk_space")
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) {
		w, err := c.Why(context.Background(), updaterID, "")
		return err == nil && w.Action == "install" && len(w.Unmet) == 1 && w.Unmet[0].Condition == "disk_space", w.Text
	})
	m.mu.Lock()
	m.feed.Updates[0]["id"], m.feed.Updates[0]["title"] = "reader-3", "Reader 3"
	delete(m.feed.Updates[0], "document")
	m.mu.Unlock()
	if _, err := c.Do(context.Background(), "scan", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	m.tells("scanned", "reader-3")
	m.tells("superseded", updateID)
	if n := m.ran("install begin"); n != 0 {
		t.Errorf("install ran %d times without space", n)
	}
}
