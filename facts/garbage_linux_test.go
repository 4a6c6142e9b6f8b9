package facts

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// calmer reports whether a fact says more calm than it did: what was unknown or
// disturbing is now known to be fine. Facts that mean nothing for the calm are
// never calmer.
func calmer(was, is Value) bool {
	if is.State != Known {
		return false
	}
	switch v := is.V.(type) {
	case bool:
		return was.V != v
	case int64:
		old, ok := was.V.(int64)
		return !ok || v > old
	case []string:
		old, ok := was.V.([]string)
		return !ok || len(v) < len(old)
	}
	return false
}

// calmWhen says of the facts that something may start on which value is calm.
var calmWhen = map[ID]any{
	"power.on_ac": true, "power.saver": false, "storage.rotational": false, "storage.read_only": false, "network.online": true, "network.unmetered": true,
	"thermal.throttled": false, "inhibitors.shutdown": false, "inhibitors.sleep": false, "packages.locked": false, "presence.locked": true,
	"presence.idle_seconds": nil, "presence.system_idle_seconds": nil, "presence.busy": nil, "host.reboot_pending": false,
}

// Garbage in any file of any machine makes facts unknown, or leaves them as they
// are; it never turns one that forbids something, or is unknown, into one that
// allows it.
func TestGarbageInAnyFileIsNeverTakenForCalm(t *testing.T) {
	all := machines(t)
	all["planted"] = plantedMachine(t)
	tried := 0
	for name, archive := range all {
		dir := machineRoot(t, archive)
		before := factsIn(t, dir, "/")
		for _, file := range regularFiles(t, dir) {
			path := strings.TrimPrefix(file, dir)
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(file) == capturedFile {
				continue
			}
			for _, garbage := range [][]byte{{0xff, 0, 0x80}, []byte("garbage\n"), bytes.Repeat([]byte("9"), 40), {}} {
				if err := os.WriteFile(file, garbage, 0o644); err != nil {
					t.Fatal(err)
				}
				after := factsIn(t, dir, "/")
				tried++
				for id, calm := range calmWhen {
					was, is := before.Get(id), after.Get(id)
					if calmer(was, is) && (calm == nil || is.V == calm) && !slices.Contains(excused, path+" "+string(id)) {
						t.Errorf("%s: %q in %s: %s was %v %s and is %v", name, garbage, path, id, was.V, was.State, is.V)
					}
				}
			}
			if err := os.WriteFile(file, old, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tried < 1000 {
		t.Errorf("%d files were tried, want more than 1000", tried)
	}
}

// excused are files whose garbage cannot be told from what another device says.
var excused = []string{
	"/sys/class/thermal/cooling_device0/type thermal.throttled", // any word may name a device that is no processor
	"/sys/class/net/wlp0s20f3/uevent network.unmetered",         // the kernel says it in two more places, which these machines lack
	"/sys/class/net/wlzq0/uevent network.unmetered",
}
