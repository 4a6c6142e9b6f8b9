//go:build !linux

package facts

import (
	"context"
	"errors"
	"time"
)

// LoadCaptured is for Linux: the collectors that read a captured machine are
// those of Linux.
func LoadCaptured(context.Context, []byte, Target, time.Time) (Snapshot, error) {
	return Snapshot{}, errors.New("captured machines can be looked at on Linux only")
}
