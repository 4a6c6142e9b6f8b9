package execute

import (
	"context"
	"fmt"
	"os/exec"
)

// Helper starts a program of the operating system that serves lull itself, such as
// macOS's caffeinate for keepawake, and never one of a vendor: those go through Start.
// name is absolute. It runs with an empty environment until stop is called, which
// waits for its end.
func Helper(ctx context.Context, name string, args ...string) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting the helper %s: %w", name, err)
	}
	return func() { cancel(); _ = cmd.Wait() }, nil
}
