package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// policyRecords counts the records that compiling policies left.
func (m *machine) policyRecords() (n int) {
	for _, rec := range m.records() {
		if rec.Kind == "policy_loaded" || rec.Kind == "policy_rejected" {
			n++
		}
	}
	return n
}

// TestAStormOfEditsCostsOneCompileAfterIt counts compiles by their records: each
// of the contents differs, so none is compiled without one.
func TestAStormOfEditsCostsOneCompileAfterIt(t *testing.T) {
	m := newMachine(t, nil)
	c := m.start()
	before, digest := m.policyRecords(), policyDigest(t, c)
	file := filepath.Join(m.root, "etc/lull/policies/thresholds/data.yaml")
	began, last, pause := time.Now(), time.Now(), time.Duration(0)
	for i := range 1000 {
		m.write(file, fmt.Appendf(nil, "cpu_busy_ratio: 0.%04d\n", 1000+i), 0o644)
		pause, last = max(pause, time.Since(last)), time.Now()
	}
	eventually(t, 30*time.Second, func() (bool, string) { return policyDigest(t, c) != digest, "not in force" })
	time.Sleep(500 * time.Millisecond) // more than the quiet time of the watch
	want := 1
	if pause > 100*time.Millisecond || last.Sub(began) > time.Second {
		want = 3 // a machine too busy to make one storm of them
	}
	if got := m.policyRecords() - before; got < 1 || got > want {
		t.Errorf("1000 edits in %v, longest pause %v, cost %d compiles, want %d", last.Sub(began), pause, got, want)
		for _, rec := range m.records() {
			if strings.HasPrefix(rec.Kind, "policy_") {
				t.Logf("%v after the first edit: %s %s", rec.Time.Sub(began), rec.Kind, rec.Body)
			}
		}
	}
}

// TestAnEditThatMakesNoEventIsFoundOnAnExistingWake edits through a shared mapping,
// of which the kernel tells nobody, as it does of another machine's edits.
func TestAnEditThatMakesNoEventIsFoundOnAnExistingWake(t *testing.T) {
	m := newMachine(t, nil)
	var ahead atomic.Int64
	m.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	file := filepath.Join(m.root, "etc/lull/policies/thresholds/data.yaml")
	m.write(file, []byte("few_cores_count: 2\n"), 0o644)
	c := m.start()
	digest := policyDigest(t, c)
	poke(t, file, "2", "3")
	time.Sleep(500 * time.Millisecond)
	if policyDigest(t, c) != digest {
		t.Fatal("the edit made an event")
	}
	ahead.Store(int64(11 * time.Minute))
	eventually(t, 30*time.Second, func() (bool, string) { return policyDigest(t, c) != digest, "not found" })
}

// poke replaces bytes of a file through a shared mapping.
func poke(t *testing.T, file, old, with string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	copy(mem[bytes.Index(mem, []byte(old)):], with)
	if err := syscall.Munmap(mem); err != nil {
		t.Fatal(err)
	}
}
