package control

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets this binary be the client of another user.
func TestMain(m *testing.M) {
	if socket := os.Getenv("LULL_TEST_STRANGER"); socket != "" {
		c := NewClient(socket)
		_, read := c.Status(context.Background())
		_, change := c.Do(context.Background(), "scan", "com.example.a", Request{})
		fmt.Printf("read: %v\nchange: %v\n", read, change)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTheKernelSaysThatAStrangerIsAStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start a process of another user")
	}
	b := &fake{}
	_, socket := serve(t, b, Options{})
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"LULL_TEST_STRANGER=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := string(out); !strings.Contains(got, "read: <nil>") || !strings.Contains(got, "change: only root") {
		t.Errorf("got %s", got)
	}
	if b.verb != "" {
		t.Errorf("the backend was asked to %s by a stranger", b.verb)
	}
}
