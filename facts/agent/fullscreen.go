package agent

import (
	"context"
	"errors"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// busy reports whether the active window fills the screen (EWMH:
// _NET_ACTIVE_WINDOW, _NET_WM_STATE_FULLSCREEN).
func (x *x11) busy(ctx context.Context) ([]string, error) {
	return within(ctx, func() ([]string, error) {
		active, err := x.property(xproto.Window(x.root), "_NET_ACTIVE_WINDOW", xproto.AtomWindow)
		if err != nil || len(active) == 0 || active[0] == 0 {
			return nil, err
		}
		states, err := x.property(xproto.Window(active[0]), "_NET_WM_STATE", xproto.AtomAtom)
		if _, closed := err.(xproto.WindowError); closed {
			return nil, nil
		}
		full, atomErr := x.atom("_NET_WM_STATE_FULLSCREEN")
		if err == nil {
			err = atomErr
		}
		for _, state := range states {
			if xproto.Atom(state) == full && err == nil {
				return []string{"fullscreen"}, nil
			}
		}
		return nil, err
	}, func([]string) {})
}

func (x *x11) atom(name string) (xproto.Atom, error) {
	reply, err := xproto.InternAtom(x.conn, false, uint16(len(name)), name).Reply()
	if err != nil || reply == nil {
		return 0, orGone(err)
	}
	if reply.Atom == xproto.AtomNone {
		return 0, errX11
	}
	return reply.Atom, nil
}

// property reads a property of one type, at most 64 words of it.
func (x *x11) property(w xproto.Window, name string, kind xproto.Atom) ([]uint32, error) {
	atom, err := x.atom(name)
	if err != nil {
		return nil, err
	}
	// As bytes: xgb makes as much room for it as the reply claims to need.
	reply, err := xproto.GetProperty(x.conn, false, w, atom, xproto.GetPropertyTypeAny, 0, 64).Cookie.Reply()
	if err != nil {
		return nil, orGone(err)
	}
	return propertyWords(reply, kind)
}

var errX11 = errors.New("the server answers what cannot be")

// propertyWords reads a GetProperty reply (X11 protocol, Appendix B): format,
// type, the bytes that did not fit and the number of values, at 1, 8, 12 and 16,
// and the values after 32 bytes. A property that is not set has no words; one
// that is of another type, or longer than what was asked for, is not understood.
func propertyWords(reply []byte, kind xproto.Atom) ([]uint32, error) {
	if len(reply) < 32 {
		return nil, errX11
	}
	format, is, more, n := reply[1], xproto.Atom(xgb.Get32(reply[8:])), xgb.Get32(reply[12:]), uint64(xgb.Get32(reply[16:]))
	if is == xproto.AtomNone && format == 0 && n == 0 {
		return nil, nil
	}
	if is != kind || format != 32 || more != 0 || 4*n > uint64(len(reply)-32) {
		return nil, errX11
	}
	words := make([]uint32, n)
	for i := range words {
		words[i] = xgb.Get32(reply[32+4*i:])
	}
	return words, nil
}
