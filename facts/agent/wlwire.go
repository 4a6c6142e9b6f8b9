package agent

import (
	"encoding/binary"
	"errors"
)

// The Wayland wire: a message is an object, its size and an opcode, then
// arguments in 32-bit words of the host's byte order. A string is its length with the closing
// NUL, then its bytes, padded to a word. Descriptors would travel beside the
// bytes; nothing that lull binds sends any, and since lull makes no room for
// them, the kernel closes what a compositor sends all the same.

type wlMessage struct {
	object uint32
	opcode uint16
	body   []byte
}

var errWire = errors.New("the compositor breaks the protocol")

// nextWL cuts the first message off data. ok is false while it is incomplete.
func nextWL(data []byte) (m wlMessage, rest []byte, ok bool, err error) {
	if len(data) < 8 {
		return m, data, false, nil
	}
	word := binary.NativeEndian.Uint32(data[4:])
	size := int(word >> 16)
	if size < 8 || size%4 != 0 {
		return m, nil, false, errWire
	}
	if len(data) < size {
		return m, data, false, nil
	}
	m = wlMessage{binary.NativeEndian.Uint32(data), uint16(word), data[8:size]}
	return m, data[size:], true, nil
}

// uint takes the next word of the arguments.
func (m *wlMessage) uint() (uint32, error) {
	if len(m.body) < 4 {
		return 0, errWire
	}
	v := binary.NativeEndian.Uint32(m.body)
	m.body = m.body[4:]
	return v, nil
}

// string takes the next string of the arguments.
func (m *wlMessage) string() (string, error) {
	n, err := m.uint()
	padded := (uint64(n) + 3) &^ 3
	if err != nil || n == 0 || padded > uint64(len(m.body)) || m.body[n-1] != 0 {
		return "", errWire
	}
	s := string(m.body[:n-1])
	m.body = m.body[padded:]
	return s, nil
}

// wlRequest encodes a request; args are uint32 or string.
func wlRequest(object uint32, opcode uint16, args ...any) []byte {
	out := make([]byte, 8)
	for _, arg := range args {
		switch v := arg.(type) {
		case uint32:
			out = binary.NativeEndian.AppendUint32(out, v)
		case string:
			out = binary.NativeEndian.AppendUint32(out, uint32(len(v)+1))
			out = append(out, v...)
			out = append(out, make([]byte, 4-len(v)%4)...)
		}
	}
	binary.NativeEndian.PutUint32(out, object)
	binary.NativeEndian.PutUint32(out[4:], uint32(len(out))<<16|uint32(opcode))
	return out
}
