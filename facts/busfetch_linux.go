package facts

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// logind returns what logind says, of the real machine or of a captured one.
func (b *bus) logind(ctx context.Context) (*logindState, error) {
	if c := b.root.captured; c != nil {
		return capturedState(c, c.Logind, logindName)
	}
	v, err := b.get(ctx, logindName)
	s, _ := v.(*logindState)
	return s, err
}

// network returns what NetworkManager says.
func (b *bus) network(ctx context.Context) (*networkState, error) {
	if c := b.root.captured; c != nil {
		return capturedState(c, c.Network, managerName)
	}
	v, err := b.get(ctx, managerName)
	s, _ := v.(*networkState)
	return s, err
}

// profile returns the active power profile, if anybody says.
func (b *bus) profile(ctx context.Context) (string, bool) {
	if c := b.root.captured; c != nil {
		return c.Profile, c.Profile != ""
	}
	v, err := b.get(ctx, profilesName)
	s, ok := v.(string)
	return s, ok && err == nil
}

// supplies returns the uninterruptible supplies that UPower knows of.
func (b *bus) supplies(ctx context.Context) ([]supply, error) {
	if c := b.root.captured; c != nil {
		if c.silent(upowerName) {
			return nil, errors.New(upowerName + " did not answer when the machine was captured")
		}
		return c.supplies(), nil
	}
	v, err := b.get(ctx, upowerName)
	s, _ := v.([]supply)
	return s, err
}

func capturedState[T any](c *captured, s *T, name string) (*T, error) {
	switch {
	case c.silent(name):
		return nil, errors.New(name + " did not answer when the machine was captured")
	case s == nil:
		return nil, newAbsentError(name)
	}
	return s, nil
}

// propsOf reads all properties of an interface.
func propsOf(ctx context.Context, conn *dbus.Conn, name string, path dbus.ObjectPath, iface string) (props, error) {
	var p props
	err := conn.Object(name, path).CallWithContext(ctx, propsGetAll, dbus.FlagNoAutoStart, iface).Store(&p)
	return p, err
}

type props map[string]dbus.Variant

func (p props) string(key string) string { s, _ := p[key].Value().(string); return s }

func (p props) bool(key string) bool { v, _ := p[key].Value().(bool); return v }

// uint32 returns nil when the property is missing or of another type.
func (p props) uint32(key string) *uint32 {
	v, ok := p[key].Value().(uint32)
	if !ok {
		return nil
	}
	return &v
}

// fetchLogind reads org.freedesktop.login1(5).
func fetchLogind(ctx context.Context, conn *dbus.Conn) (any, error) {
	const manager = "org.freedesktop.login1.Manager"
	object := conn.Object(logindName, "/org/freedesktop/login1")
	p, err := propsOf(ctx, conn, logindName, object.Path(), manager)
	if err != nil {
		return nil, err
	}
	state := seatsOf(p)
	var listed []listedSession
	if err := object.CallWithContext(ctx, manager+".ListSessions", dbus.FlagNoAutoStart).Store(&listed); err != nil {
		return nil, err
	}
	for _, l := range listed {
		s, err := fetchSession(ctx, conn, l)
		if err != nil {
			return nil, err
		}
		state.Sessions = append(state.Sessions, s)
	}
	var held []listedInhibitor
	if err := object.CallWithContext(ctx, manager+".ListInhibitors", dbus.FlagNoAutoStart).Store(&held); err != nil {
		return nil, err
	}
	state.Inhibitors = inhibitorsOf(held)
	return state, nil
}

// seatsOf takes what the manager says of the whole machine.
func seatsOf(p props) *logindState {
	state := &logindState{Sleeping: p.bool("PreparingForSleep")}
	if v, ok := p["LidClosed"].Value().(bool); ok {
		state.LidClosed = &v
	}
	return state
}

func inhibitorsOf(held []listedInhibitor) (all []inhibitor) {
	for _, h := range held {
		all = append(all, inhibitor{h.What, h.Who, h.Why, h.Mode, h.PID})
	}
	return all
}

// listedSession is (susso), listedInhibitor (ssssuu) of login1's manager.
type listedSession struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

type listedInhibitor struct {
	What, Who, Why, Mode string
	UID, PID             uint32
}

func fetchSession(ctx context.Context, conn *dbus.Conn, l listedSession) (session, error) {
	p, err := propsOf(ctx, conn, logindName, l.Path, "org.freedesktop.login1.Session")
	if err != nil {
		return session{}, err
	}
	return sessionOf(l, p)
}

// sessionOf takes a session's properties. One that does not say what it is
// cannot be left out as if nobody sat there.
func sessionOf(l listedSession, p props) (session, error) {
	for _, key := range []string{"Class", "Type", "State"} {
		if p.string(key) == "" {
			return session{}, errors.New("session " + l.ID + " has no " + key)
		}
	}
	if _, ok := p["Remote"].Value().(bool); !ok {
		return session{}, errors.New("session " + l.ID + " does not say whether it is remote")
	}
	_, hints := p["IdleHint"]
	vt, ok := p["VTNr"].Value().(uint32)
	if _, told := p["VTNr"]; told && !ok {
		return session{}, errors.New("session " + l.ID + " has no number of a terminal")
	}
	return session{vt: vt, began: beganAt(p["TimestampMonotonic"].Value(), sinceBoot(), monotonic()), ID: l.ID, UID: l.UID, Class: p.string("Class"), Kind: p.string("Type"), State: p.string("State"),
		Seat: l.Seat, Remote: p.bool("Remote"), Locked: p.bool("LockedHint"), Idle: p.bool("IdleHint"), Hints: hints}, nil
}

// fetchManager reads NetworkManager's properties. It never asks for a
// connectivity check, which would make traffic.
func fetchManager(ctx context.Context, conn *dbus.Conn) (any, error) {
	p, err := propsOf(ctx, conn, managerName, managerPath, managerName)
	if err != nil {
		return nil, err
	}
	return managerOf(p), nil
}

func managerOf(p props) *networkState {
	return &networkState{Metered: p.uint32("Metered"), Connectivity: p.uint32("Connectivity"), State: p.uint32("State")}
}

func fetchProfile(ctx context.Context, conn *dbus.Conn) (any, error) {
	p, err := propsOf(ctx, conn, profilesName, "/net/hadess/PowerProfiles", profilesName)
	if err != nil {
		return nil, err
	}
	return profileOf(p)
}

// profileOf wants a profile: none is not "not saving".
func profileOf(p props) (string, error) {
	if p.string("ActiveProfile") == "" {
		return "", errors.New("there is no active profile")
	}
	return p.string("ActiveProfile"), nil
}

// beganAt puts a time in µs of the clock that stands still in sleep on the boot
// clock, as late as it can have been.
func beganAt(usec any, boot, monotonic time.Duration) time.Duration {
	v, ok := usec.(uint64)
	if !ok || v > uint64(monotonic/time.Microsecond) {
		return 0
	}
	return boot - (monotonic - time.Duration(v)*time.Microsecond)
}

func monotonic() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
