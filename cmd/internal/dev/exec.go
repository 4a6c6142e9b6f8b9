package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// command is a child that is interrupted first when ctx ends, so that it can
// end its own children, and killed 10 seconds later.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	return c
}

// sh runs a command with more environment; its output is shown only when it fails.
func sh(ctx context.Context, env []string, name string, args ...string) error {
	_, err := output(ctx, env, name, args...)
	return err
}

// output runs a command and gives its standard output. The error carries all
// that the command printed.
func output(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	c := command(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	var out, talk bytes.Buffer
	c.Stdout, c.Stderr = &out, &talk
	err := c.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not installed; run: go run ./cmd/internal/dev tools", name)
	}
	if err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.Bytes(), talk.Bytes())
	}
	return out.Bytes(), nil
}

// lines are the non-empty lines of a command's output.
func lines(out []byte) []string {
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}
