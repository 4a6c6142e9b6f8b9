package agent

import (
	"context"
	"errors"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/screensaver"
	"github.com/jezek/xgb/xproto"
)

// x11 asks the server's screen saver extension, which counts the time since
// the last input of any device (XScreenSaver, MsSinceUserInput).
type x11 struct {
	conn *xgb.Conn
	root xproto.Drawable
}

func openX11(o Options) (source, error) {
	if o.Display == "" {
		return nil, errors.New("no DISPLAY")
	}
	conn, err := xgb.NewConnDisplay(o.Display)
	if err != nil {
		return nil, err
	}
	if err := screensaver.Init(conn); err != nil {
		conn.Close()
		return nil, err
	}
	x := &x11{conn, xproto.Drawable(xproto.Setup(conn).DefaultScreen(conn).Root)}
	if _, err := x.idle(context.Background()); err != nil {
		conn.Close()
		return nil, err
	}
	return x, nil
}

func (*x11) name() string { return "X11" }

func (x *x11) idle(ctx context.Context) (time.Duration, error) {
	type result struct {
		idle time.Duration
		err  error
	}
	done := make(chan result, 1)
	go func() {
		info, err := screensaver.QueryInfo(x.conn, x.root).Reply()
		if err != nil || info == nil {
			done <- result{err: errors.Join(err, errors.New("the X server does not answer"))}
			return
		}
		done <- result{idle: time.Duration(info.MsSinceUserInput) * time.Millisecond}
	}()
	select {
	case r := <-done:
		return r.idle, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (x *x11) close() { x.conn.Close() }
