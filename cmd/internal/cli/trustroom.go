package cli

import (
	"fmt"
	"os"

	"github.com/lullhq/lull/trust"
	"golang.org/x/term"
)

// trust opens the vendors of this root. Opening writes nothing, so it works
// beside a running daemon.
func (a *app) trust() (*trust.Trust, error) {
	p := a.paths()
	return trust.Open(trust.Options{
		VendorDirs: p.VendorDirs, RootDirs: p.RootDirs, StateDir: p.State, BaseDir: p.Base(), Unprivileged: os.Geteuid() != 0 || a.root != "",
	})
}

// password asks for the password of an encrypted key: COSIGN_PASSWORD, or the
// terminal.
func (a *app) password() ([]byte, error) {
	if p, ok := os.LookupEnv("COSIGN_PASSWORD"); ok {
		return []byte(p), nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, hinted(fmt.Errorf("the key is encrypted and there is no terminal to ask for its password"), "set COSIGN_PASSWORD")
	}
	fmt.Fprint(a.err, "Password of the key: ")
	defer fmt.Fprintln(a.err)
	return term.ReadPassword(int(f.Fd()))
}

// printProblems writes each problem with its remedy.
func printProblems(s *screen, list []trust.Problem) {
	for _, p := range list {
		place := p.File
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		if place != "" {
			place += ": "
		}
		s.line("%s%s: %s", place, s.red(p.Code), p.Message)
		if p.Hint != "" {
			s.line("  hint: %s", p.Hint)
		}
	}
}
