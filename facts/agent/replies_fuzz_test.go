package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// FuzzReplies lets every service on the session bus answer anything: only what
// says clearly that nothing inhibits is calm, and only a time that can be is
// one.
func FuzzReplies(f *testing.F) {
	for _, v := range []any{true, int32(0), int32(-1), uint32(1), uint64(123456), uint64(1) << 63, int64(-1), "no", dbus.MakeVariant(int32(0)), dbus.MakeVariant(dbus.MakeVariant(false)), []bool{false}} {
		f.Add(message(f, v))
	}
	f.Add(message(f))
	f.Add(message(f, false, false))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := dbus.DecodeMessage(bytes.NewReader(data))
		if err != nil {
			return
		}
		clear := len(m.Body) == 1 && slices.Contains([]any{"false", "0", "@u 0", "<false>", "<0>", "<@u 0>"}, any(text(m.Body[0])))
		if holds(m.Body) == clear {
			t.Errorf("%v holds: %v", m.Body, !clear)
		}
		idle, err := idleOf(m.Body)
		if ms, ok := single(m.Body).(uint64); err == nil && (!ok || uint64(idle.Milliseconds()) != ms) {
			t.Errorf("idle for %v after %v", idle, m.Body)
		}
		if id, err := only[uint32](m.Body); err == nil && single(m.Body) != id {
			t.Errorf("watch %d of %v", id, m.Body)
		}
		announced := false
		w := &mutter{announce: func() { announced = true }}
		w.activeID.Store(8)
		w.fired(context.Background(), &dbus.Signal{Name: mutterFired, Body: m.Body})
		if announced != (single(m.Body) == uint32(8)) {
			t.Errorf("the return was announced: %v, after %v", announced, m.Body)
		}
	})
}

func single(body []any) any {
	if len(body) != 1 {
		return nil
	}
	return body[0]
}

// text is a value as GVariant prints it, so that 0 and false of each type differ.
func text(v any) string {
	if inner, ok := v.(dbus.Variant); ok {
		return "<" + text(inner.Value()) + ">"
	}
	switch v.(type) {
	case bool, int32, uint32:
		return dbus.MakeVariant(v).String()
	}
	return "something else"
}

// message is an answer as it comes off the socket.
func message(t testing.TB, values ...any) []byte {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeMethodReply, Body: values, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(uint32(1))}}
	if len(values) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(values...))
	}
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// property is a GetProperty reply.
func property(format byte, kind xproto.Atom, more, n uint32, values ...uint32) []byte {
	reply := make([]byte, 32+4*len(values))
	reply[0], reply[1] = 1, format
	xgb.Put32(reply[8:], uint32(kind))
	xgb.Put32(reply[12:], more)
	xgb.Put32(reply[16:], n)
	for i, v := range values {
		xgb.Put32(reply[32+4*i:], v)
	}
	return reply
}

// FuzzProperty lets an X server answer anything when it is asked for a property:
// what is not a list of atoms is not an empty one.
func FuzzProperty(f *testing.F) {
	f.Add(property(32, xproto.AtomAtom, 0, 2, 5, 6))
	f.Add(property(0, xproto.AtomNone, 0, 0))
	f.Add(property(8, xproto.AtomAtom, 0, 0))
	f.Add(property(32, xproto.AtomAtom, 4, 1, 5))
	f.Add(property(255, xproto.AtomAtom, 0, 1<<32-1))
	f.Fuzz(func(t *testing.T, reply []byte) {
		words, err := propertyWords(reply, xproto.AtomAtom)
		set := len(reply) >= 32 && (reply[1] != 0 || xgb.Get32(reply[8:]) != 0)
		switch {
		case err != nil:
		case 32+4*len(words) > len(reply):
			t.Errorf("%d words of %d bytes", len(words), len(reply))
		case len(words) == 0 && set && !bytes.HasPrefix(reply[8:], property(32, xproto.AtomAtom, 0, 0)[8:20]):
			t.Errorf("%q is an empty list", reply)
		}
	})
}

// A server that breaks the protocol where xgb trusts it is unknown, and the
// agent goes on.
func TestAnXServerThatBreaksTheProtocolIsAnError(t *testing.T) {
	setup := func(code, reason byte, words uint16, body ...byte) []byte {
		head := []byte{code, reason, 11, 0, 0, 0, byte(words), byte(words >> 8)}
		return append(head, body...)
	}
	for name, answer := range map[string][]byte{
		"nothing":                {},
		"no setup":               setup(1, 0, 0),
		"a setup without screen": setup(1, 0, 8, make([]byte, 32)...),
		"a refusal that is cut":  setup(0, 250, 1, make([]byte, 4)...),
		"screens beyond the end": setup(1, 0, 8, bytes.Repeat([]byte{255}, 32)...),
	} {
		t.Run(name, func(t *testing.T) {
			display := filepath.Join(t.TempDir(), "x:0")
			l, err := net.Listen("unix", display)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if conn, err := l.Accept(); err == nil {
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = conn.Write(answer)
					conn.Close()
				}
			}()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if src, err := openX11(ctx, &Options{Display: display}, func() {}); err == nil || ctx.Err() != nil {
				t.Errorf("got %v, %v, want an error at once", src, err)
			}
		})
	}
}
