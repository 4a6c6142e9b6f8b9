package facts

import (
	"context"
	"os"
	"time"
)

// LoadCaptured gathers every fact of a captured machine, see [Capture], for an
// action that writes to t, as if it were looked at at the given time. It is
// what tests and comparisons of policies are made from; an archive from others
// cannot make it read or write anything but a temporary directory.
func LoadCaptured(ctx context.Context, archive []byte, t Target, at time.Time) (Snapshot, error) {
	dir, err := os.MkdirTemp("", "machine")
	if err != nil {
		return Snapshot{}, err
	}
	defer os.RemoveAll(dir)
	if err := Extract(archive, dir); err != nil {
		return Snapshot{}, err
	}
	g, err := New(Options{Root: dir, SystemBus: "-", Now: func() time.Time { return at }})
	if err != nil {
		return Snapshot{}, err
	}
	defer g.Close()
	return g.Snapshot(ctx, nil, t), nil
}
