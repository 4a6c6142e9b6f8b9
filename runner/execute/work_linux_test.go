package execute

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What an attempt consists of must be all of it, or lull would blame the user for
// its own work, and nothing else, or lull would be blind to the user's.
func TestAnAttemptKnowsItsOwnWork(t *testing.T) {
	x, dir := newExecutor(t), openDir(t)
	s := specIn(t, dir)
	file := filepath.Join(s.StateDir, "count")
	p := begun(t, x, s, behaving(t, "escape", file, "stay"))
	appears(t, file)
	cgroup, pids := p.Work()
	switch {
	case cgroup != "":
		_, point := mountPoint(t)
		procs, err := os.ReadFile(filepath.Join(point, cgroup, "cgroup.procs"))
		if err != nil || len(strings.Fields(string(procs))) == 0 {
			t.Errorf("cgroup %q holds %q, %v", cgroup, procs, err)
		}
	case len(pids) < 2 || slices.Contains(pids, os.Getpid()):
		t.Errorf("got the processes %v, want the supervisor and the program, and not us (%d)", pids, os.Getpid())
	}
	if root := supervisorOf(s.ID); root == 0 {
		t.Error("its supervisor is not found")
	} else if all := fmt.Sprint(append(below(root, processes()), process{pid: root})); strings.Contains(all, "{"+strconv.Itoa(os.Getpid())+" ") {
		t.Errorf("the test itself is among %s", all)
	}
	_ = p.Kill()
	p.Wait()
	if cgroup, pids := p.Work(); cgroup != "" || pids != nil {
		t.Errorf("ended, and still %q %v", cgroup, pids)
	}
}

func mountPoint(t *testing.T) (root, point string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return cgroup2Mount(mounts)
}
