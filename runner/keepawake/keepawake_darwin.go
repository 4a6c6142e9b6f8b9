package keepawake

import (
	"context"
	"os"
	"strconv"
)

// hold runs caffeinate(8): -s keeps the system awake, and only on AC power; -w ends
// it with this process.
func (k Keeper) hold(ctx context.Context, _ string) (func(), error) {
	if k.Launcher == nil {
		return nil, ErrNobody
	}
	return k.Launcher(context.WithoutCancel(ctx), "/usr/bin/caffeinate", "-s", "-w", strconv.Itoa(os.Getpid()))
}
