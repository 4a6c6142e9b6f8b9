package config

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestTheSystemsPathsAreThoseOfTheContract(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the contract's paths are those of Unix")
	}
	p := ResolvePaths("")
	if p.State != "/var/lib/lull" || p.Socket != "/run/lull/control.sock" || p.FactsLocal != "/run/lull/facts.d" || p.Base() != "/" {
		t.Errorf("got %+v", p)
	}
	if got := strings.Join(p.PolicyDirs, " "); got != "/usr/lib/lull/policies /run/lull/policies /etc/lull/policies" {
		t.Errorf("policies: got %s", got)
	}
	if got := p.Host("/opt/reader"); got != "/opt/reader" {
		t.Errorf("Host: got %s", got)
	}
}

func TestARootMovesEverythingBelowIt(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/srv/elsewhere")
	root := t.TempDir()
	p := ResolvePaths(root)
	all := []string{p.State, p.Runtime, p.Socket, p.FactsLocal}
	for _, list := range [][]string{p.ConfigFiles, p.PolicyDirs, p.VendorDirs, p.RootDirs, p.UpdaterDirs, p.FactTypes} {
		all = append(all, list...)
	}
	for _, path := range all {
		if !strings.HasPrefix(path, root+string(filepath.Separator)) {
			t.Errorf("%s is not below %s", path, root)
		}
	}
	inside := filepath.Join(root, "opt", "reader")
	if got := p.Host("/opt/reader"); got != inside {
		t.Errorf("Host: got %s, want %s", got, inside)
	}
	if got := p.Host(inside); got != inside {
		t.Errorf("Host of a path below already: got %s", got)
	}
}

func TestARelativeRootIsMadeAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	if p := ResolvePaths("r"); !filepath.IsAbs(p.State) || !filepath.IsAbs(p.Root) {
		t.Errorf("got %+v", p)
	}
}

func TestSystemdsDirectoriesAreHonoured(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("systemd is Linux's")
	}
	t.Setenv("STATE_DIRECTORY", "/srv/state:/srv/second")
	t.Setenv("RUNTIME_DIRECTORY", "/run/other")
	t.Setenv("CONFIGURATION_DIRECTORY", "relative")
	p := ResolvePaths("")
	if p.State != "/srv/state" || p.Socket != "/run/other/control.sock" || p.ConfigFiles[2] != "/etc/lull/config.yaml" {
		t.Errorf("got %+v", p)
	}
}

func TestPrepareMakesTheDirectoriesWhateverTheUmask(t *testing.T) {
	p := ResolvePaths(shortDir(t))
	if err := Prepare(p); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{p.State, p.Runtime} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o755 {
			t.Errorf("%s: got %v", dir, info.Mode())
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: the probe was left behind", dir)
		}
	}
	if err := os.Chmod(p.State, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(p); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(p.State); runtime.GOOS != "windows" && info.Mode().Perm() != 0o711 {
		t.Errorf("the administrator's mode was changed to %v", info.Mode())
	}
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestARootTooLongForASocketIsRefusedWithTheNumberOfBytes(t *testing.T) {
	root := filepath.Join(shortDir(t), strings.Repeat("x", 120))
	err := Prepare(ResolvePaths(root))
	var e *PathError
	if !errors.As(err, &e) || !strings.Contains(e.Remedy, "bytes shorter") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("directories were made all the same")
	}
}

func TestAStateDirectoryThatIsAFileIsRefusedWithARemedy(t *testing.T) {
	p := ResolvePaths(shortDir(t))
	write(t, p.State, "in the way")
	err := Prepare(p)
	var e *PathError
	if !errors.As(err, &e) || e.Path != p.State || !strings.Contains(err.Error(), "--root DIR") {
		t.Errorf("got %v", err)
	}
}

func TestAnUnwritableStateDirectoryIsRefusedWithARemedy(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root may write everywhere; TestAStateDirectoryOnAReadOnly… is root's")
	}
	p := ResolvePaths(shortDir(t))
	if err := os.MkdirAll(p.State, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(p); err == nil || !strings.Contains(err.Error(), "directory of your own") {
		t.Errorf("got %v", err)
	}
}

// TestMain lets this binary be another daemon that holds the lock.
func TestMain(m *testing.M) {
	if root := os.Getenv("LULL_TEST_LOCK"); root != "" {
		if _, err := Acquire(ResolvePaths(root)); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("locked\n")
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestASecondDaemonIsRefusedByNameOfTheFirstAndAKillFreesTheLock(t *testing.T) {
	root := shortDir(t)
	p := ResolvePaths(root)
	if err := Prepare(p); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	first := exec.Command(self)
	first.Env = append(os.Environ(), "LULL_TEST_LOCK="+root)
	stdin, _ := first.StdinPipe()
	defer stdin.Close()
	stdout, _ := first.StdoutPipe()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 64)
	n, _ := stdout.Read(said)
	if !bytes.Equal(said[:n], []byte("locked\n")) {
		t.Fatalf("the first daemon said %q", said[:n])
	}
	_, err = Acquire(p)
	var e *LockedError
	if !errors.As(err, &e) || e.PID != strconv.Itoa(first.Process.Pid) || !strings.Contains(err.Error(), "kill "+e.PID) || !strings.Contains(err.Error(), root) {
		t.Errorf("got %v", err)
	}
	first.Process.Kill()
	first.Wait()
	lock, err := Acquire(p)
	if err != nil {
		t.Fatalf("after the kill: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
	if again, err := Acquire(p); err != nil {
		t.Errorf("after Release: %v", err)
	} else {
		again.Release()
	}
}

func TestTheSystemsDaemonIsStoppedWithSystemctl(t *testing.T) {
	err := &LockedError{Root: string(filepath.Separator), PID: "7"}
	if got := err.Error(); !strings.Contains(got, "process 7") || !strings.Contains(got, "systemctl stop lull") {
		t.Errorf("got %s", got)
	}
}

func TestALockInAMissingDirectoryIsAPathError(t *testing.T) {
	_, err := Acquire(ResolvePaths(filepath.Join(shortDir(t), "missing")))
	var e *PathError
	if !errors.As(err, &e) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
}
