//go:build !linux

package facts

import (
	"context"
	"errors"
	"io"
)

// Capture is for Linux machines.
func Capture(context.Context, io.Writer, string) error {
	return errors.New("machines can be captured on Linux only")
}
