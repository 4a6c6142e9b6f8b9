package agent

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"
)

// mutter asks GNOME's compositor, which sees Wayland's input.
type mutter struct{ conn *dbus.Conn }

const (
	mutterName = "org.gnome.Mutter.IdleMonitor"
	mutterPath = "/org/gnome/Mutter/IdleMonitor/Core"
)

func openMutter(o Options) (source, error) {
	if o.Bus == "" {
		return nil, errors.New("no session bus")
	}
	conn, err := dbus.Connect(o.Bus)
	if err != nil {
		return nil, err
	}
	m := &mutter{conn}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := m.idle(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return m, nil
}

func (*mutter) name() string { return "Mutter" }

func (m *mutter) idle(ctx context.Context) (time.Duration, error) {
	var ms uint64
	call := m.conn.Object(mutterName, mutterPath).CallWithContext(ctx, mutterName+".GetIdletime", dbus.FlagNoAutoStart)
	if err := call.Store(&ms); err != nil {
		return 0, err
	}
	return time.Duration(min(ms, 1<<40)) * time.Millisecond, nil
}

func (m *mutter) close() { m.conn.Close() }
