package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/screensaver"
	"github.com/jezek/xgb/xproto"
)

// x11 asks the server's screen saver extension, which counts the time since
// the last input of any device (XScreenSaver, MsSinceUserInput). The return is
// told by an alarm on the IDLETIME counter, see [idleAlarm].
type x11 struct {
	conn  *xgb.Conn
	root  xproto.Drawable
	gone  chan struct{}
	asked chan struct{} // holds one while a question is unanswered
}

func openX11(ctx context.Context, o *Options, announce func()) (source, error) {
	if o.Display == "" {
		return nil, errAbsent
	}
	x, err := within(ctx, func() (*x11, error) { return dialX11(o.Display, o.Away) }, (*x11).close)
	if err != nil {
		return nil, fmt.Errorf("the X server %s: %w", o.Display, err)
	}
	go x.follow(announce)
	return x, nil
}

func dialX11(display string, away time.Duration) (*x11, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, err
	}
	opened := false
	defer func() {
		if !opened { // xgb may panic over what the server says of its screens
			conn.Close()
		}
	}()
	x := &x11{conn: conn, gone: make(chan struct{}), asked: make(chan struct{}, 1)}
	x.root = xproto.Drawable(xproto.Setup(conn).DefaultScreen(conn).Root)
	if err := screensaver.Init(conn); err != nil {
		return nil, err
	}
	if err := idleAlarm(conn, away); err != nil {
		return nil, err
	}
	opened = true
	return x, nil
}

func init() {
	xgb.Logger = log.New(io.Discard, "", 0) // it tells standard error what errors say already
}

// follow announces returns until the connection ends.
func (x *x11) follow(announce func()) {
	defer close(x.gone)
	for {
		event, err := x.conn.WaitForEvent()
		switch {
		case event == nil && err == nil:
			return
		case event != nil:
			if _, ok := event.(idleAlarmEvent); ok {
				announce()
			}
		}
	}
}

func (*x11) name() string            { return "X11" }
func (*x11) partial() bool           { return true }
func (x *x11) lost() <-chan struct{} { return x.gone }

func (x *x11) idle(ctx context.Context) (time.Duration, error) {
	select {
	case x.asked <- struct{}{}:
	default:
		return 0, errors.New("the server does not answer")
	}
	return within(ctx, func() (time.Duration, error) {
		defer func() { <-x.asked }()
		info, err := screensaver.QueryInfo(x.conn, x.root).Reply()
		if err != nil || info == nil {
			return 0, orGone(err)
		}
		return time.Duration(info.MsSinceUserInput) * time.Millisecond, nil
	}, func(time.Duration) {})
}

// orGone is the error of a request; xgb gives none when the server is gone.
func orGone(err error) error {
	if err == nil {
		err = errors.New("the server is gone")
	}
	return err
}

func (x *x11) close() { x.conn.Close() }
