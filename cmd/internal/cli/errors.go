package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/trust"
)

// Exit codes, CONTRACTS section 6. The package comment explains them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3
	exitNotEligible = 10
	exitDenied      = 11
	exitNoDaemon    = 12
	exitPolicy      = 13
	exitInterrupted = 130
)

// failure is an error with an exit code and, where one helps, a hint that
// says what to do next.
type failure struct {
	code int
	err  error // nil: everything has been said already
	hint string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// exit ends the command with code and says nothing more.
func exit(code int) error { return &failure{code: code} }

// usage is an error of whoever typed the command.
func usage(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// hinted adds a hint to err, keeping its exit code.
func hinted(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &failure{code: codeOf(err), err: err, hint: hint}
}

// coded gives err an exit code.
func coded(code int, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &failure{code: code, err: err, hint: hint}
}

// codeOf maps any error of the rooms below to the exit code it means.
func codeOf(err error) int {
	var (
		own    *failure
		remote *control.Error
		policy *engine.LoadError
		input  *engine.InputError
		untold *trust.Error
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &remote):
		return remote.ExitCode()
	case errors.As(err, &policy):
		return exitPolicy
	case errors.As(err, &input):
		return exitFailed
	case errors.As(err, &untold):
		return trustCode(untold)
	}
	return exitFailed
}

// trustCode tells "not trusted" from "could not be done". Without a trusted
// root that can be read nothing is known about a signature.
func trustCode(err error) int {
	if errors.Is(err, trust.ErrQuestion) {
		return exitUsage
	}
	for _, why := range []error{trust.ErrIO, trust.ErrSpace, trust.ErrState, trust.ErrNotStored, trust.ErrRoot} {
		if errors.Is(err, why) {
			return exitFailed
		}
	}
	return exitDenied
}

// hintOf returns the hint that travels with err, "" when there is none.
func hintOf(err error) string {
	var (
		own    *failure
		remote *control.Error
		untold *trust.Error
	)
	switch {
	case errors.As(err, &own) && own.hint != "":
		return own.hint
	case errors.As(err, &remote):
		return remote.Hint
	case errors.As(err, &untold):
		return untold.Remedy
	}
	return ""
}

// report prints err as people see it and returns the exit code. A remedy that
// is already the end of the message is printed only as the hint.
func report(w io.Writer, err error) int {
	code := codeOf(err)
	var own *failure
	if errors.As(err, &own) && own.err == nil {
		return code
	}
	if code == exitInterrupted {
		fmt.Fprintln(w, "lull: interrupted")
		return code
	}
	hint := hintOf(err)
	message := strings.TrimSuffix(err.Error(), "; "+hint)
	if lines := strings.Split(strings.TrimRight(message, "\n"), "\n"); len(lines) > 1 {
		message = lines[0] + "\n  " + strings.Join(lines[1:], "\n  ")
	}
	fmt.Fprintf(w, "lull: error: %s\n", message)
	if hint != "" {
		fmt.Fprintf(w, "lull: hint: %s\n", hint)
	}
	return code
}
