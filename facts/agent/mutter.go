package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
)

// mutter asks GNOME's compositor, which sees Wayland's input. A watch that
// fires when the user has been away arms one that fires, once, with the next
// input.
type mutter struct {
	conn     *dbus.Conn
	away     time.Duration
	announce func()
	expected atomic.Bool // it has answered in this session
	idleID   atomic.Uint32
	activeID atomic.Uint32
}

const (
	mutterName  = "org.gnome.Mutter.IdleMonitor"
	mutterPath  = "/org/gnome/Mutter/IdleMonitor/Core"
	mutterFired = mutterName + ".WatchFired"
	ownerSignal = "org.freedesktop.DBus.NameOwnerChanged"
)

func openMutter(ctx context.Context, o *Options, announce func()) (source, error) {
	if o.Bus == "" {
		return nil, errAbsent
	}
	conn, err := within(ctx, func() (*dbus.Conn, error) { return dbus.Connect(o.Bus) }, func(c *dbus.Conn) { c.Close() })
	if err != nil {
		return nil, err
	}
	m := &mutter{conn: conn, away: o.Away, announce: announce}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = errors.Join(
		conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(mutterName), dbus.WithMatchMember("WatchFired")),
		conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, mutterName)))
	if err != nil {
		conn.Close()
		return nil, err
	}
	m.arm(ctx)
	go m.follow(signals)
	return m, nil
}

// arm asks to be told when the user has been away.
func (m *mutter) arm(ctx context.Context) {
	m.idleID.Store(m.watch(ctx, "AddIdleWatch", uint64(m.away.Milliseconds())))
}

// watch adds a watch and returns its number, 0 where there is no Mutter.
func (m *mutter) watch(ctx context.Context, method string, args ...any) uint32 {
	var id uint32
	call := m.conn.Object(mutterName, mutterPath).CallWithContext(ctx, mutterName+"."+method, dbus.FlagNoAutoStart, args...)
	if call.Store(&id) != nil {
		return 0
	}
	return id
}

// follow handles signals until the bus is lost.
func (m *mutter) follow(signals <-chan *dbus.Signal) {
	for s := range signals {
		ctx, cancel := context.WithTimeout(m.conn.Context(), openWithin)
		switch s.Name {
		case mutterFired:
			m.fired(ctx, s)
		case ownerSignal:
			m.arm(ctx)
			m.announce()
		}
		cancel()
	}
}

func (m *mutter) fired(ctx context.Context, s *dbus.Signal) {
	if len(s.Body) != 1 {
		return
	}
	switch id, _ := s.Body[0].(uint32); {
	case id == 0:
	case id == m.idleID.Load():
		m.activeID.Store(m.watch(ctx, "AddUserActiveWatch"))
	case id == m.activeID.Load():
		m.announce()
	}
}

func (*mutter) name() string            { return "Mutter" }
func (*mutter) partial() bool           { return false }
func (m *mutter) lost() <-chan struct{} { return m.conn.Context().Done() }

func (m *mutter) idle(ctx context.Context) (time.Duration, error) {
	var ms uint64
	call := m.conn.Object(mutterName, mutterPath).CallWithContext(ctx, mutterName+".GetIdletime", dbus.FlagNoAutoStart)
	err := call.Store(&ms)
	var refused dbus.Error
	if errors.As(err, &refused) && !m.expected.Load() &&
		(refused.Name == "org.freedesktop.DBus.Error.ServiceUnknown" || refused.Name == "org.freedesktop.DBus.Error.NameHasNoOwner") {
		return 0, errAbsent
	}
	if err != nil {
		return 0, err
	}
	m.expected.Store(true)
	return time.Duration(min(ms, 1<<40)) * time.Millisecond, nil
}

func (m *mutter) close() { m.conn.Close() }
