package execute

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// victim is somebody else's: a file and a socket that only its owner may use.
func victim(t *testing.T) (dir, address string) {
	t.Helper()
	dir = openDir(t)
	_ = os.Chmod(dir, 0o700)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "sock"), "@" + filepath.Base(dir)} {
		ln, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return dir, ln.Addr().String()
}

func TestAHostileUpdaterFindsNoHole(t *testing.T) {
	x := newExecutor(t)
	layers, memory := x.Layers()
	t.Logf("layers %v, memory %s, missing %v", layers, memory, x.Missing())
	if !slices.Contains(layers, "seccomp") || !slices.Contains(layers, "landlock") {
		t.Skip("needs Landlock and seccomp: without both the list is known to have holes")
	}
	dir, address := victim(t)
	r := run(t, func(s *Spec) { s.OutputLimit = 1 << 16 }, behaving(t, "hostile", strings.Join(layers, ","), dir, address))
	if r.Outcome != Succeeded || !strings.Contains(string(r.Output), "tried everything") {
		t.Fatalf("the list did not run to its end: %+v\n%s", r, r.Output)
	}
	for l := range strings.Lines(string(r.Output)) {
		if strings.HasPrefix(l, "HOLE") || strings.HasPrefix(l, "HARM") {
			t.Error(strings.TrimSpace(l))
		}
	}
}

func TestTheHostileListRefusesToRunOutsideASandbox(t *testing.T) {
	out, err := exec.Command("/proc/self/exe", "behave", "hostile", "", "/nonexistent", "127.0.0.1:1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "refusing") {
		t.Fatalf("it ran: %s", out)
	}
}

func TestAForeignArchitecturesCallEndsTheProgram(t *testing.T) {
	src := filepath.Join(t.TempDir(), "i386.c")
	code := "int main(void){int r;__asm__ volatile(\"int $0x80\":\"=a\"(r):\"a\"(64):\"memory\");return r>0?0:1;}\n"
	if err := os.WriteFile(src, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	bin := filepath.Join(dir, "i386")
	if out, err := exec.Command("cc", "-o", bin, src).CombinedOutput(); err != nil {
		t.Skipf("needs a C compiler for amd64: %v %s", err, out)
	}
	r := run(t, nil, fake{dir: dir, path: bin})
	if r.Signal != "SIGSYS" {
		t.Errorf("got %+v, want SIGSYS", r)
	}
}

// TestLessPrivilegedDaemonsDegradeLayerByLayer runs this package's own tests again as
// an ordinary user, and as root with nothing but what a plain container leaves.
func TestLessPrivilegedDaemonsDegradeLayerByLayer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody with less")
	}
	if os.Getenv("LULL_TEST_LESS") != "" {
		t.Skip("this is already one of them")
	}
	const some = "^(TestExitStatuses|TestWhatTheProgram|TestNothingOutlives|TestATimeOut|TestAFrozenTree|TestAForkBomb|TestMemory|TestAHostile|TestACancel|TestAPlanted|TestOutput)"
	self := filepath.Join(updaterDir(t), "updater")
	for _, c := range []struct {
		name string
		sys  *syscall.SysProcAttr
		pre  []string
	}{
		{"an ordinary user", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, nil},
		{"an ordinary user without user namespaces", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, []string{"noclone"}},
		{"root as in a plain container", &syscall.SysProcAttr{}, []string{"capsh", "--drop=cap_sys_admin,cap_sys_ptrace,cap_sys_nice,cap_sys_resource,cap_net_admin"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{self, "-test.v", "-test.run", some}
			env := []string{"PATH=" + os.Getenv("PATH"), "LULL_TEST_LESS=1", "TMPDIR=" + os.TempDir()}
			if len(c.pre) > 0 && c.pre[0] == "noclone" {
				env = append(env, "LULL_TEST_NO_USERNS=1")
			} else if len(c.pre) > 0 {
				if _, err := exec.LookPath(c.pre[0]); err != nil {
					t.Skip("needs capsh (apt install libcap2-bin)")
				}
				args = append(c.pre, "--", "-c", "exec "+strings.Join(quote(args), " "))
			}
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env, cmd.SysProcAttr, cmd.Dir = env, c.sys, "/"
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for l := range strings.Lines(string(out)) {
				if strings.Contains(l, "layers") || strings.Contains(l, "SKIP") {
					t.Log(strings.TrimSpace(l))
				}
			}
		})
	}
}

func quote(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = "'" + a + "'"
	}
	return out
}

func TestTheFilterRefusesSetIDModesOnlyWhereAModeIsMeant(t *testing.T) {
	// O_CREAT decides: without it the kernel ignores the third argument, which C
	// programs leave undefined.
	if creates&unix.O_CREAT == 0 || creates&unix.O_DIRECTORY != 0 {
		t.Errorf("creates is %#x", creates)
	}
}
