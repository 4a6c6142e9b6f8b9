package keepawake

import (
	"context"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

// hold takes a lock of org.freedesktop.login1.Manager.Inhibit: it lasts until the
// descriptor that logind answers with is closed.
func (k Keeper) hold(ctx context.Context, why string) (func(), error) {
	bus, err := k.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	defer bus.Close()
	var fd dbus.UnixFD
	login := bus.Object("org.freedesktop.login1", "/org/freedesktop/login1")
	err = login.CallWithContext(ctx, "org.freedesktop.login1.Manager.Inhibit", 0, "sleep", "lull", why, "block").Store(&fd)
	if err != nil {
		return nil, fmt.Errorf("asking logind not to sleep: %w", err)
	}
	lock := os.NewFile(uintptr(fd), "sleep inhibitor")
	return func() { _ = lock.Close() }, nil
}

func (k Keeper) connect(ctx context.Context) (*dbus.Conn, error) {
	switch k.SystemBus {
	case "-":
		return nil, os.ErrNotExist
	case "":
		return dbus.ConnectSystemBus(dbus.WithContext(ctx))
	}
	return dbus.Connect(k.SystemBus, dbus.WithContext(ctx))
}
