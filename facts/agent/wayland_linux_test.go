package agent_test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/facts/agent"
)

// compositor speaks the compositor's side of Wayland with one seat and
// ext_idle_notifier_v1, as the protocol's XML describes it. When nobody types
// it sends idled after the client's own time-out; under an inhibitor, version 1
// says nothing at all.
type compositor struct {
	t       *testing.T
	path    string
	version uint32 // of the notifier; 0 = none

	mu        sync.Mutex
	conn      net.Conn
	objects   map[uint32]string
	notes     map[uint32]*time.Timer
	inhibited bool
	mute      bool
	inputOnly bool // a notification was made that inhibitors do not concern
}

func startCompositor(t *testing.T, version uint32) *compositor {
	t.Helper()
	dir, err := os.MkdirTemp("", "wl")
	if err != nil {
		t.Fatal(err)
	}
	c := &compositor{t: t, path: filepath.Join(dir, "wayland-0"), version: version}
	l, err := net.Listen("unix", c.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); c.hangUp(); os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conn, c.objects, c.notes = conn, map[uint32]string{1: "display"}, map[uint32]*time.Timer{}
			c.mu.Unlock()
			c.serve(conn)
		}
	}()
	return c
}

func (c *compositor) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		object, word := binary.NativeEndian.Uint32(head[:]), binary.NativeEndian.Uint32(head[4:])
		body := make([]byte, word>>16-8)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		c.mu.Lock()
		c.request(object, word&0xffff, body)
		c.mu.Unlock()
	}
}

func (c *compositor) request(object, opcode uint32, body []byte) {
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(body[i:]) }
	fresh := func(i int, kind string) uint32 {
		if c.objects[word(i)] != "" {
			c.t.Errorf("the client gave the number %d twice", word(i))
		}
		c.objects[word(i)] = kind
		return word(i)
	}
	switch kind := c.objects[object]; {
	case kind == "display" && opcode == 0:
		id := fresh(0, "callback")
		if c.mute {
			return
		}
		c.event(id, 0, uint32(0))
		c.drop(id)
	case kind == "display" && opcode == 1:
		id := fresh(0, "registry")
		c.event(id, 0, uint32(11), "wl_seat", uint32(8))
		c.event(id, 0, uint32(12), "wl_output", uint32(4))
		if c.version > 0 {
			c.event(id, 0, uint32(13), "ext_idle_notifier_v1", c.version)
		}
	case kind == "registry" && opcode == 0:
		names := map[uint32]string{11: "seat", 13: "notifier"}
		id := fresh(len(body)-4, names[word(0)])
		if names[word(0)] == "seat" {
			c.event(id, 0, uint32(3)) // capabilities, which the client does not need
		}
	case kind == "notifier" && (opcode == 1 || opcode == 2 && c.version >= 2):
		if c.objects[word(8)] != "seat" {
			c.t.Errorf("a notification for object %d, want a seat", word(8))
		}
		c.inputOnly = opcode == 2
		id := fresh(0, "note")
		c.note(id, time.Duration(word(4))*time.Millisecond)
	case kind == "note" && opcode == 0:
		c.notes[object].Stop()
		delete(c.notes, object)
		c.drop(object)
	default:
		c.t.Errorf("request %d of %q (object %d) is not in the protocol", opcode, kind, object)
	}
}

func (c *compositor) note(id uint32, after time.Duration) {
	if after == 0 {
		c.notes[id] = time.NewTimer(time.Hour)
		if !c.inhibited || c.inputOnly {
			c.event(id, 0)
		}
		return
	}
	c.notes[id] = time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.notes[id] != nil && (!c.inhibited || c.inputOnly) {
			c.event(id, 0)
		}
	})
}

// typed is what the user's input does.
func (c *compositor) typed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, timer := range c.notes {
		timer.Reset(time.Hour)
		if !c.inhibited || c.inputOnly {
			c.event(id, 1)
		}
	}
}

func (c *compositor) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *compositor) hangUp() {
	c.set(func() {
		if c.conn != nil {
			c.conn.Close()
		}
	})
}

func (c *compositor) drop(id uint32) {
	delete(c.objects, id)
	c.event(1, 1, id)
}

func (c *compositor) event(object, opcode uint32, args ...any) {
	var body []byte
	for _, arg := range args {
		switch v := arg.(type) {
		case uint32:
			body = binary.NativeEndian.AppendUint32(body, v)
		case string:
			body = binary.NativeEndian.AppendUint32(body, uint32(len(v)+1))
			body = append(body, append([]byte(v), 0)...)
			for len(body)%4 != 0 {
				body = append(body, 0)
			}
		}
	}
	head := binary.NativeEndian.AppendUint32(nil, object)
	head = binary.NativeEndian.AppendUint32(head, uint32(8+len(body))<<16|opcode)
	_, _ = c.conn.Write(append(head, body...))
}

func idleFor(seconds float64) func(facts.AgentMessage) bool {
	return func(m facts.AgentMessage) bool { return m.Error == "" && m.IdleSeconds >= seconds }
}

func present(m facts.AgentMessage) bool { return m.Error == "" && m.IdleSeconds == 0 }

func TestACompositorTellsOfIdleAndReturn(t *testing.T) {
	for name, version := range map[string]uint32{"version 1": 1, "version 2": 2} {
		t.Run(name, func(t *testing.T) {
			c := startCompositor(t, version)
			l := startAgent(t, agent.Options{Display: "-", Bus: "-", Wayland: c.path, Away: time.Second})
			l.until("untouched", idleFor(1.2))
			l.drain()
			c.typed()
			l.announced()
			if m := l.ask(); !present(m) {
				t.Errorf("after input: got %+v, want no idle time", m)
			}
			c.set(func() {
				if c.inputOnly != (version == 2) {
					t.Errorf("input alone is asked for: %v, want %v", c.inputOnly, version == 2)
				}
			})
		})
	}
}

func TestSilenceUnderAnInhibitorIsNotIdleWithVersion1(t *testing.T) {
	c := startCompositor(t, 1)
	l := startAgent(t, agent.Options{Display: "-", Bus: "-", Wayland: c.path, Away: time.Second})
	l.until("untouched", idleFor(1.2))
	c.set(func() { c.inhibited = true })
	c.typed() // of which version 1 does not tell
	for range 3 {
		if m := l.ask(); !present(m) {
			t.Fatalf("under an inhibitor: got %+v, want the user taken for present", m)
		}
	}
}

func TestInputIsSeenUnderAnInhibitorWithVersion2(t *testing.T) {
	c := startCompositor(t, 2)
	c.set(func() { c.inhibited = true })
	l := startAgent(t, agent.Options{Display: "-", Bus: "-", Wayland: c.path, Away: time.Second})
	l.until("untouched", idleFor(1.2))
	c.typed()
	l.until("after input", present)
}

func TestACompositorThatHangsOrDiesIsUnknownUntilItIsBack(t *testing.T) {
	c := startCompositor(t, 2)
	l := startAgent(t, agent.Options{Display: "-", Bus: "-", Wayland: c.path, Away: 300 * time.Millisecond, Deadline: time.Second})
	l.until("untouched", idleFor(0.4))
	c.set(func() { c.mute = true })
	if m := l.ask(); m.Error == "" {
		t.Errorf("from one that hangs: got %+v, want an error", m)
	}
	c.set(func() { c.mute = false })
	c.hangUp()
	l.until("after it died", func(m facts.AgentMessage) bool { return m.Error != "" })
	l.until("with a new one", idleFor(0.4))
}
