package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

func (a *app) registerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "register DIR|TAR", Short: "Register a signed updater package", Args: exactly("DIR|TAR"),
		Long: `Sends a package to the daemon, which copies it into its store while hashing, and
takes it only if a vendor of this machine vouches for every byte. Registering
the same package again changes nothing; an older version is refused.`,
		RunE: func(c *cobra.Command, args []string) error { return a.register(c.Context(), args[0]) },
	}
}

func (a *app) register(ctx context.Context, path string) error {
	r, err := sendPackage(ctx, a.client(), path)
	if err != nil {
		return a.remote(err)
	}
	return a.show("Registered", r, func(s *screen) {
		switch {
		case r.Unchanged:
			s.line("%s %s is registered already; nothing changed", r.ID, r.Version)
		case r.Previous != "":
			s.line("registered %s %s (was %s) of vendor %s", r.ID, r.Version, r.Previous, r.Vendor)
		default:
			s.line("registered %s %s of vendor %s", r.ID, r.Version, r.Vendor)
		}
		s.line("%s", s.faint(a.rooted("why "+r.ID)+" says what happens next"))
	})
}

// sendPackage streams a package, a directory or a tar, to the daemon.
func sendPackage(ctx context.Context, c *control.Client, path string) (control.Registered, error) {
	info, err := os.Stat(path)
	if err != nil {
		return control.Registered{}, coded(exitFailed, fmt.Errorf("register: %w", err), "name a package directory, or a tar of one; lull pack makes them")
	}
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return control.Registered{}, err
		}
		defer f.Close()
		return c.Register(ctx, f)
	}
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := trust.WriteTar(w, path)
		w.CloseWithError(err)
		packed <- err
	}()
	reg, err := c.Register(ctx, r)
	r.CloseWithError(io.ErrClosedPipe)
	if local := <-packed; err != nil && local != nil && local != io.ErrClosedPipe {
		return reg, local
	}
	return reg, err
}
