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
	due      atomic.Bool // the watch for the next input could not be added
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

// armActive asks to be told of the next input.
func (m *mutter) armActive(ctx context.Context) {
	m.activeID.Store(m.watch(ctx, "AddUserActiveWatch"))
	m.due.Store(m.activeID.Load() == 0)
}

// armed reports whether the watches are there, after having tried again to add
// one that Mutter did not take when it was due.
func (m *mutter) armed(ctx context.Context) bool {
	if m.idleID.Load() == 0 {
		m.arm(ctx)
	}
	if m.due.Load() {
		m.armActive(ctx)
	}
	return m.idleID.Load() != 0 && !m.due.Load()
}

// watch adds a watch and returns its number, 0 where there is no Mutter.
func (m *mutter) watch(ctx context.Context, method string, args ...any) uint32 {
	call := m.conn.Object(mutterName, mutterPath).CallWithContext(ctx, mutterName+"."+method, dbus.FlagNoAutoStart, args...)
	if call.Err != nil {
		return 0
	}
	id, _ := only[uint32](call.Body)
	return id
}

// only is the one value of an answer or a signal, of exactly this type. godbus's
// Store would make -1 a very long time.
func only[T any](body []any) (v T, err error) {
	if len(body) == 1 {
		if v, ok := body[0].(T); ok {
			return v, nil
		}
	}
	return v, errMutter
}

var errMutter = errors.New("it answers what cannot be")

// idleOf reads the answer to GetIdletime, in milliseconds. Nobody has been away
// for longer than a compositor can have been there.
func idleOf(body []any) (time.Duration, error) {
	const longest = 10 * 365 * 24 * time.Hour
	ms, err := only[uint64](body)
	if err == nil && ms > uint64(longest.Milliseconds()) {
		err = errMutter
	}
	if err != nil {
		return 0, err
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// follow handles signals until the bus is lost.
func (m *mutter) follow(signals <-chan *dbus.Signal) {
	for s := range signals {
		ctx, cancel := context.WithTimeout(m.conn.Context(), openWithin)
		switch s.Name {
		case mutterFired:
			m.fired(ctx, s)
		case ownerSignal:
			m.due.Store(false)
			m.arm(ctx)
			m.announce()
		}
		cancel()
	}
}

func (m *mutter) fired(ctx context.Context, s *dbus.Signal) {
	switch id, _ := only[uint32](s.Body); {
	case id == 0:
	case id == m.idleID.Load():
		m.armActive(ctx)
	case id == m.activeID.Load():
		m.announce()
	}
}

func (*mutter) name() string            { return "Mutter" }
func (*mutter) partial() bool           { return false }
func (m *mutter) lost() <-chan struct{} { return m.conn.Context().Done() }

func (m *mutter) idle(ctx context.Context) (time.Duration, error) {
	call := m.conn.Object(mutterName, mutterPath).CallWithContext(ctx, mutterName+".GetIdletime", dbus.FlagNoAutoStart)
	var refused dbus.Error
	if errors.As(call.Err, &refused) && !m.expected.Load() &&
		(refused.Name == "org.freedesktop.DBus.Error.ServiceUnknown" || refused.Name == "org.freedesktop.DBus.Error.NameHasNoOwner") {
		return 0, errAbsent
	}
	if call.Err != nil {
		return 0, call.Err
	}
	m.expected.Store(true)
	if !m.armed(ctx) {
		return 0, errors.New("it does not tell of the next input")
	}
	return idleOf(call.Body)
}

func (m *mutter) close() { m.conn.Close() }
