package cli

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lullhq/lull/cmd/internal/dist"
	"github.com/lullhq/lull/facts"
)

func TestTheAgentWaitsForTheDaemonAndTakesItsLeaveWhenTerminated(t *testing.T) {
	dir := shortDir(t)
	for name, value := range map[string]string{"DISPLAY": ":251", "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": "", "XDG_SESSION_ID": "c7"} {
		t.Setenv(name, value)
	}
	ctx, terminate := context.WithCancel(t.Context())
	defer terminate()
	out := newBuffer(t)
	a := &app{out: out, err: out, env: os.Getenv}
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"--root", dir, "agent"}) }()

	socket := filepath.Join(dir, "run/lull/agent.sock")
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := json.NewDecoder(conn)
	var m facts.AgentMessage
	if err := lines.Decode(&m); err != nil || m.Session != "c7" {
		t.Errorf("first line: got %+v, %v; want its session named", m, err)
	}
	terminate()
	for err == nil && !m.LoggedOut {
		err = lines.Decode(&m)
	}
	if !m.LoggedOut {
		t.Errorf("it ended without taking its leave: %v", err)
	}
	if code := <-ended; code != exitDone {
		t.Errorf("got exit %d, want %d\n%s", code, exitDone, out)
	}
}

func TestEveryCommandOfTheUnitsExists(t *testing.T) {
	root, found := (&app{}).command(), 0
	for name, unit := range dist.Units() {
		for line := range strings.Lines(unit) {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=/usr/bin/lull ")
			if !ok {
				continue
			}
			found++
			c, rest, err := root.Find(strings.Fields(command))
			if err != nil || c == root || len(rest) > 0 {
				t.Errorf("%s starts %q: no such command (%v)", name, command, err)
			}
		}
	}
	if found != 2 {
		t.Errorf("got %d commands in the units, want 2", found)
	}
}
