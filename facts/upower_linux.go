package facts

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"
)

// upower asks UPower about uninterruptible supplies, most of which the kernel
// knows only as keyboards of a kind (hiddev). Of batteries the kernel tells.
type upower struct {
	conn     *dbus.Conn
	followed map[dbus.ObjectPath]bool // supplies whose signals conn is told of
}

const upowerDevice = upowerName + ".Device"

func (u *upower) fetch(ctx context.Context, conn *dbus.Conn) (any, error) {
	if u.conn != conn {
		u.conn, u.followed = conn, map[dbus.ObjectPath]bool{}
	}
	var paths []dbus.ObjectPath
	if err := conn.Object(upowerName, upowerPath).CallWithContext(ctx, upowerName+".EnumerateDevices", dbus.FlagNoAutoStart).Store(&paths); err != nil {
		return nil, err
	}
	all := []supply{}
	for _, path := range paths {
		p, err := propsOf(ctx, conn, upowerName, path, upowerDevice)
		if err != nil {
			return nil, err
		}
		s, ok, err := upsOf(path, p)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		all = append(all, s)
		if err := u.follow(ctx, path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// follow subscribes to a supply's signals.
func (u *upower) follow(ctx context.Context, path dbus.ObjectPath) error {
	if u.followed[path] {
		return nil
	}
	err := u.conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(upowerName), dbus.WithMatchObjectPath(path))
	u.followed[path] = err == nil
	return err
}

// The values of a device's Type and State (UPower's reference manual,
// org.freedesktop.UPower.Device).
const (
	upowerUPS         = 3
	upowerDischarging = 2
	upowerEmpty       = 3
)

// upsOf takes a device's properties; ok is false for what is no uninterruptible
// supply of this machine. One that does not say what it is, or whether it
// discharges, is an error.
func upsOf(path dbus.ObjectPath, p props) (s supply, ok bool, err error) {
	kind, state := p.uint32("Type"), p.uint32("State")
	if kind == nil {
		return supply{}, false, errors.New("power device " + string(path) + " has no type")
	}
	if *kind != upowerUPS || !p.bool("PowerSupply") {
		return supply{}, false, nil
	}
	if state == nil || *state == 0 {
		return supply{}, false, errors.New("the uninterruptible supply " + string(path) + " does not say whether it discharges")
	}
	s = supply{name: string(path), kind: "UPS", status: "Charging", online: -1, capacity: -1}
	if *state == upowerDischarging || *state == upowerEmpty {
		s.status = "Discharging"
	}
	return s, true, nil
}
