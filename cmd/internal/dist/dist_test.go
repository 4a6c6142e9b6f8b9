package dist_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lullhq/lull/cmd/internal/dist"
	"github.com/lullhq/lull/runner/control"
)

func TestSystemdFindsNothingWrongWithTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed (apt: systemd)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	old := beforeSubgroups(t)
	for path, unit := range dist.Units() {
		t.Run(path, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), filepath.Base(path))
			unit = strings.ReplaceAll(unit, "/usr/bin/lull ", self+" ") // a program that exists here
			if old {
				unit = strings.ReplaceAll(unit, "DelegateSubgroup=daemon\n", "")
			}
			if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"verify", "--man=no", "--recursive-errors=no", file}
			if strings.Contains(path, "/user/") {
				args = append([]string{"--user"}, args...)
			}
			cmd := exec.Command("systemd-analyze", args...)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("systemd-analyze: %v\n%s", err, out)
			}
		})
	}
}

// beforeSubgroups reports whether systemd is older than 254, which brought
// DelegateSubgroup and before which it is a warning.
func beforeSubgroups(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "--version").Output()
	var version int
	if _, scanErr := fmt.Sscanf(string(out), "systemd %d", &version); err != nil || scanErr != nil {
		t.Fatalf("systemd-analyze --version: %q %v %v", out, err, scanErr)
	}
	return version < 254
}

func TestTheGroupIsTheOneThatTheDaemonLooksFor(t *testing.T) {
	data, err := dist.Files.ReadFile("sysusers.d/lull.conf")
	if err != nil || !strings.Contains(string(data), "\ng "+control.Group+" -") {
		t.Errorf("got %q, %v; want a line that makes group %s", data, err, control.Group)
	}
}
