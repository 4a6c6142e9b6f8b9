package agent_test

import (
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/facts/agent"
)

func TestTheAgentReportsWhatARealXServerSees(t *testing.T) {
	for _, tool := range []string{"Xvfb", "xdotool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (apt: xvfb xdotool)", tool)
		}
	}
	const display = ":77"
	server := exec.Command("Xvfb", display, "-screen", "0", "640x480x24", "-nolisten", "tcp")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	time.Sleep(1500 * time.Millisecond)

	ask := startAgent(t, display)
	time.Sleep(1200 * time.Millisecond)
	if m := ask(); m.Error != "" || m.IdleSeconds < 1 {
		t.Errorf("untouched server: got %+v, want at least a second idle", m)
	}
	if out, err := exec.Command("env", "DISPLAY="+display, "xdotool", "key", "a").CombinedOutput(); err != nil {
		t.Fatalf("xdotool: %v %s", err, out)
	}
	if m := ask(); m.Error != "" || m.IdleSeconds > 1 {
		t.Errorf("after a key: got %+v, want idle for less than a second", m)
	}
	_ = server.Process.Kill()
	_ = server.Wait()
	if m := ask(); m.Error == "" {
		t.Errorf("with a dead server: got %+v, want an error, never an idle time", m)
	}
}

// startAgent runs an agent and returns a function that asks it, as lull does.
func startAgent(t *testing.T, display string) func() facts.AgentMessage {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx, agent.Options{Socket: socket, Display: display, Bus: "-"}) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-ended; conn.Close(); l.Close() })
	answers := json.NewDecoder(conn)
	return func() (m facts.AgentMessage) {
		t.Helper()
		_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
		if _, err := conn.Write([]byte("ask\n")); err != nil {
			t.Fatal(err)
		}
		if err := answers.Decode(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
}
