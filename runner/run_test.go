package runner_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
)

func (m *machine) register(c *control.Client) (control.Registered, error) {
	m.t.Helper()
	var tar bytes.Buffer
	if err := trust.WriteTar(&tar, m.pkg); err != nil {
		m.t.Fatal(err)
	}
	return c.Register(context.Background(), &tar)
}

func TestAnUpdateIsFoundDownloadedVerifiedInstalledAndCompleted(t *testing.T) {
	m := newMachine(t, nil)
	c := m.start()
	reg, err := m.register(c)
	if err != nil || reg.ID != updaterID || reg.Unchanged {
		t.Fatalf("register: %+v, %v", reg, err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
	data, err := os.ReadFile(filepath.Join(m.target, "reader"))
	if err != nil || !bytes.Equal(data, m.bytes) {
		t.Errorf("installed file holds %q, %v", data, err)
	}
	var kinds []string
	for rec, err := range journal.Read(m.paths.State, 0) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, rec.Kind)
	}
	story := strings.Join(kinds, " ")
	for _, part := range []string{"registered", "started finished scanned", "started finished verified", "started finished started finished"} {
		if !strings.Contains(story, part) {
			t.Errorf("the journal has no %q: %s", part, story)
		}
	}
	if again, err := m.register(c); err != nil || !again.Unchanged {
		t.Errorf("registering the same bytes again: %+v, %v", again, err)
	}
}

func TestRegistrationNeedsAnAdmittedVendorsSignature(t *testing.T) {
	m := newMachine(t, nil)
	c := m.start()
	for name, c2 := range map[string]struct {
		spoil func()
		code  string
	}{
		"a payload changed after signing": {func() {
			m.write(filepath.Join(m.pkg, "feed.url"), []byte("http://127.0.0.1:1"), 0o644)
		}, "digest_mismatch"},
		"no signature": {func() { os.Remove(filepath.Join(m.pkg, "manifest.json.sigstore.json")) }, "unsigned"},
		"another key": {func() {
			key, _, err := trust.GenerateKey(t.TempDir(), "mallory", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := trust.Sign(context.Background(), filepath.Join(m.pkg, "manifest.json"), key, nil); err != nil {
				t.Fatal(err)
			}
		}, "untrusted_signer"},
	} {
		t.Run(name, func(t *testing.T) {
			m.pack("1.0.0")
			c2.spoil()
			_, err := m.register(c)
			if err == nil || !strings.Contains(err.Error(), c2.code) {
				t.Errorf("got %v, want code %s", err, c2.code)
			}
		})
	}
	s, err := c.Status(context.Background())
	if err != nil || len(s.Updaters) != 0 {
		t.Errorf("registered all the same: %+v, %v", s.Updaters, err)
	}
}

func TestADownloadThatIsNotWhatWasSignedIsNeverInstalled(t *testing.T) {
	m := newMachine(t, nil)
	m.write(m.www("reader.bin"), []byte("something else\n"), 0o644)
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "failed", p })
	if n := m.ran("install begin"); n != 0 {
		t.Errorf("install began %d times", n)
	}
	if n := m.ran("download begin"); n != 3 {
		t.Errorf("download was tried %d times, want the manifest's 3", n)
	}
}

func TestAHeldUpdaterWaitsAndWhySaysSo(t *testing.T) {
	m := newMachine(t, map[string]int{"scan": 300})
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := c.Do(ctx, "hold", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	var w control.Why
	eventually(t, 20*time.Second, func() (bool, string) {
		var err error
		w, err = c.Why(ctx, updaterID, "")
		return err == nil && w.State == control.Denied, string(w.State)
	})
	if len(w.Unmet) == 0 || w.Unmet[0].Condition != "not_held" {
		t.Errorf("unmet: %+v", w.Unmet)
	}
	if _, err := c.Do(ctx, "unhold", updaterID, control.Request{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
}

func TestPolicyEditsAreInForceAtOnceAndBrokenOnesChangeNothing(t *testing.T) {
	m := newMachine(t, nil)
	c := m.start()
	ctx := context.Background()
	before, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(m.root, "etc/lull/policies/thresholds/data.yaml")
	m.write(bad, []byte("cpu_busy_ration: 0.9\n"), 0o644)
	eventually(t, 30*time.Second, func() (bool, string) {
		s, err := c.Status(ctx)
		return err == nil && s.Policy.Rejected != "", "not rejected"
	})
	s, _ := c.Status(ctx)
	if s.Policy.RejectedSince == nil || time.Since(*s.Policy.RejectedSince) > time.Minute {
		t.Errorf("rejected since %v, want some seconds ago", s.Policy.RejectedSince)
	}
	if s.Policy.Digest != before.Policy.Digest || !strings.Contains(strings.Join(s.Policy.Problems, " "), `data.yaml:1`) {
		t.Errorf("policy status: %+v", s.Policy)
	}
	m.write(bad, []byte("cpu_busy_ratio: 0.9\n"), 0o644)
	eventually(t, 30*time.Second, func() (bool, string) {
		s, err := c.Status(ctx)
		return err == nil && s.Policy.Rejected == "" && s.Policy.RejectedSince == nil && s.Policy.Digest != before.Policy.Digest, "not in force"
	})
}

func TestADropinAppearsAndVanishes(t *testing.T) {
	m := newMachine(t, nil)
	c := m.start()
	m.dropin()
	count := func() (int, string) {
		s, err := c.Status(context.Background())
		if err != nil {
			return -1, err.Error()
		}
		return len(s.Updaters), "updaters"
	}
	eventually(t, 30*time.Second, func() (bool, string) { n, s := count(); return n == 1, s })
	eventually(t, 30*time.Second, func() (bool, string) { p := m.phase(); return p == "installed", p })
	if err := os.RemoveAll(filepath.Join(m.root, "usr/lib/lull/updaters", updaterID)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { n, s := count(); return n == 0, s })
}

func TestUnregisteredMeansDisabledVendorsRunNothing(t *testing.T) {
	m := newMachine(t, map[string]int{"scan": 4000}) // the vendor is disabled meanwhile
	c := m.start()
	if _, err := m.register(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() (bool, string) { return m.ran("scan begin") == 1, "scan" })
	m.write(filepath.Join(m.root, "etc/lull/vendors.d/example.yaml"),
		[]byte(strings.Replace(vendorFile, "enabled: true", "enabled: false", 1)), 0o644)
	eventually(t, 20*time.Second, func() (bool, string) {
		for _, rec := range m.records() {
			if rec.Kind == "refused" && strings.Contains(string(rec.Body), `"vendor_disabled"`) {
				return true, ""
			}
		}
		return false, "no refusal in the journal"
	})
	if n := m.ran("download begin"); n != 0 {
		t.Errorf("download ran %d times for a disabled vendor", n)
	}
}

func TestAVendorThatWasJustAddedMayRegisterAtOnce(t *testing.T) {
	m := newMachine(t, nil)
	file := filepath.Join(m.root, "etc/lull/vendors.d/example.yaml")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c := m.start()
	if _, err := m.register(c); err == nil || !strings.Contains(err.Error(), "vendor_unknown") {
		t.Fatalf("without a vendor file: %v", err)
	}
	m.write(file, []byte(vendorFile), 0o644)
	if _, err := m.register(c); err != nil { // well before the watcher has let the edit settle
		t.Errorf("right after the vendor was added: %v", err)
	}
}
