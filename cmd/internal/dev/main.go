package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

// verbs are the subcommands.
var verbs = map[string]func(ctx context.Context, args []string) error{
	"block":   cmdBlock, // for the measurement of idling
	"check":   cmdCheck,
	"gen":     cmdGen,
	"targets": cmdTargets,
	"tools":   cmdTools,
}

// errUsage ends the command with status 2, as the go command does.
var errUsage = errors.New("usage: go run ./cmd/internal/dev check|gen|targets|tools [-h]")

// cmdBlock is the least that a Go program can do, which the waiting daemon is compared with.
func cmdBlock(context.Context, []string) error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "dev: error:", err)
		os.Exit(1)
	}
}

// run goes to the root of the module, where every path of this command is
// relative to, and starts the subcommand.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 || verbs[args[0]] == nil {
		return errUsage
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	return verbs[args[0]](ctx, args[1:])
}

// moduleRoot is the nearest directory upwards with a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory; run this inside the repository")
		}
		dir = up
	}
}
