package agent

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

func TestRequestsAreReadAsTheyWereWritten(t *testing.T) {
	for _, s := range []string{"", "abc", "wl_seat", "ext_idle_notifier_v1"} {
		m, rest, ok, err := nextWL(append(wlRequest(7, 3, uint32(9), s, uint32(5)), 1, 2))
		if err != nil || !ok || m.object != 7 || m.opcode != 3 || len(rest) != 2 {
			t.Fatalf("%q: got %+v, %d left, %v, %v", s, m, len(rest), ok, err)
		}
		a, _ := m.uint()
		got, strErr := m.string()
		b, err := m.uint()
		if a != 9 || got != s || b != 5 || err != nil || strErr != nil || len(m.body) != 0 {
			t.Errorf("got %d %q %d, %v %v", a, got, b, strErr, err)
		}
	}
}

// FuzzWayland lets a compositor send anything: that may end the connection, and
// must neither panic nor show a seat idle for longer than the client exists.
func FuzzWayland(f *testing.F) {
	f.Add(wlRequest(2, 0, uint32(1), "wl_seat", uint32(8)))
	f.Add(append(wlRequest(2, 0, uint32(1), "wl_seat", uint32(8)), wlRequest(2, 0, uint32(2), "ext_idle_notifier_v1", uint32(2))...))
	f.Add(append(wlRequest(5, 0), wlRequest(1, 1, uint32(5))...))
	f.Add(wlRequest(2, 1, uint32(1)))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 4, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, rest, ok, err := nextWL(data); ok && (err != nil || len(m.body)+8+len(rest) != len(data)) {
			t.Errorf("a message of %d bytes and %d more, of %d (%v)", len(m.body), len(rest), len(data), err)
		}
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		w := newWayland(here, time.Second, func() {})
		began := time.Now()
		go w.follow()
		_, _ = there.Write(data)
		there.Close()
		<-w.gone
		if idle, known := w.leastIdle(); known && idle > w.away+time.Since(began) {
			t.Errorf("idle for %v after %v", idle, time.Since(began))
		}
	})
}

// FuzzCounters lets an X server answer anything when it is asked for its
// counters: none is found beyond the reply.
func FuzzCounters(f *testing.F) {
	entry := append([]byte{7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}, "IDLETIME\x00\x00"...)
	f.Add(append(make([]byte, 32), entry...))
	f.Add(append(make([]byte, 32), 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255))
	f.Fuzz(func(t *testing.T, reply []byte) {
		if id, ok := findCounter(reply, "IDLETIME"); ok && (len(reply) < 32+14+8 || !bytes.Contains(reply, binary.NativeEndian.AppendUint32(nil, id))) {
			t.Errorf("counter %d in %q", id, reply)
		}
	})
}
