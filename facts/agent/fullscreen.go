package agent

import (
	"context"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// busy reports whether the active window fills the screen (EWMH:
// _NET_ACTIVE_WINDOW, _NET_WM_STATE_FULLSCREEN).
func (x *x11) busy(ctx context.Context) ([]string, error) {
	return within(ctx, func() ([]string, error) {
		active, err := x.property(xproto.Window(x.root), "_NET_ACTIVE_WINDOW")
		if err != nil || len(active) == 0 || active[0] == 0 {
			return nil, err
		}
		states, err := x.property(xproto.Window(active[0]), "_NET_WM_STATE")
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
	return reply.Atom, nil
}

// property reads a property of 32-bit words, at most 64 of them.
func (x *x11) property(w xproto.Window, name string) ([]uint32, error) {
	atom, err := x.atom(name)
	if err != nil {
		return nil, err
	}
	reply, err := xproto.GetProperty(x.conn, false, w, atom, xproto.GetPropertyTypeAny, 0, 64).Reply()
	if err != nil || reply == nil {
		return nil, orGone(err)
	}
	var words []uint32
	for data := reply.Value; reply.Format == 32 && len(data) >= 4; data = data[4:] {
		words = append(words, xgb.Get32(data))
	}
	return words, nil
}
