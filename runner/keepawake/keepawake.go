// Package keepawake holds the machine awake while an action with that obligation
// runs. The caller holds only on AC power, releases at once on unplugging, and
// bounds the time.
//
// On Linux it is a "sleep" block inhibitor of systemd-logind: never "idle", which
// would change the idle hint that facts read, and never the lid switch, because a
// closed laptop in a bag must sleep. On Windows it is a power request of the thread
// (SetThreadExecutionState), on macOS caffeinate(8), which a launcher from outside
// starts. Everywhere the hold ends with the process.
package keepawake

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrNobody means that nothing on this machine puts it to sleep or could be asked
// not to: no system bus, no logind, no launcher. The work may go on without a hold.
var ErrNobody = errors.New("nobody here keeps machines awake")

// Launcher starts a helper program that runs until stop is called. os/exec belongs to
// another room, so the runner brings it; only macOS needs one.
type Launcher func(ctx context.Context, name string, args ...string) (stop func(), err error)

// Keeper takes holds. The zero value asks the default system bus and has no Launcher.
type Keeper struct {
	// SystemBus is the address of the bus; "" is the default, "-" none.
	SystemBus string
	// Launcher is for macOS.
	Launcher Launcher
}

// Hold keeps the machine from going to sleep until release is called (more than once
// does no harm) or the process ends. why is shown to people, for instance by
// systemd-inhibit --list. ctx bounds the asking, not the hold. An error means that
// nothing is held.
func (k Keeper) Hold(ctx context.Context, why string) (release func(), err error) {
	release, err = k.hold(ctx, why)
	if err != nil {
		return nil, fmt.Errorf("keeping the machine awake: %w", err)
	}
	return sync.OnceFunc(release), nil
}

// Hold is Keeper{}.Hold.
func Hold(ctx context.Context, why string) (release func(), err error) {
	return Keeper{}.Hold(ctx, why)
}
