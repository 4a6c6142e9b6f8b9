package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

// finding is one thing lull doctor looked at.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look for what keeps lull from doing its work here", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			var list []finding
			bad := false
			for _, check := range []func(context.Context) finding{a.checkConfig, a.checkPolicies, a.checkVendors, a.checkExpiries, a.checkJournal, a.checkDaemon, a.checkFacts} {
				f := check(c.Context())
				list, bad = append(list, f), bad || !f.OK
			}
			err := a.show("Doctor", map[string]any{"ok": !bad, "findings": list}, func(s *screen) {
				for _, f := range list {
					mark := s.green("ok     ")
					if !f.OK {
						mark = s.red("problem")
					}
					s.line("%s  %s: %s", mark, s.bold(f.Name), f.Detail)
					if f.Hint != "" && !f.OK {
						s.line("         hint: %s", f.Hint)
					}
				}
			})
			if err == nil && bad {
				return exit(exitPartly)
			}
			return err
		},
	}
}

func failed(name string, err error, hint string) finding {
	if own := hintOf(err); own != "" {
		hint = own
	}
	return finding{Name: name, Detail: err.Error(), Hint: hint}
}

func (a *app) checkConfig(context.Context) finding {
	if _, err := config.Load(a.paths()); err != nil {
		return failed("configuration", err, "")
	}
	return finding{Name: "configuration", OK: true, Detail: "can be read"}
}

func (a *app) checkPolicies(ctx context.Context) finding {
	rep, err := a.policyCheck(ctx, nil)
	switch {
	case err != nil:
		return failed("policies", err, "")
	case !rep.OK:
		return finding{Name: "policies", Detail: fmt.Sprintf("do not load: %d problems", len(rep.Problems)), Hint: a.rooted("policy check")}
	}
	return finding{Name: "policies", OK: true, Detail: "load, " + short(rep.Digest)}
}

func (a *app) checkVendors(context.Context) finding {
	t, err := a.trust()
	if err != nil {
		return failed("vendors", err, "")
	}
	defer t.Close()
	g := t.Reload()
	if n := len(g.Problems()); n > 0 {
		return finding{Name: "vendors", Detail: g.Problems()[0].String(), Hint: a.rooted("vendor list")}
	}
	return finding{Name: "vendors", OK: true, Detail: fmt.Sprintf("%d in force", len(g.Vendors()))}
}

// checkExpiries tells what ends within the next weeks; what has ended already
// is a problem.
func (a *app) checkExpiries(context.Context) finding {
	t, err := a.trust()
	if err != nil {
		return failed("expiry", err, "")
	}
	defer t.Close()
	list := t.Expiring(trust.ExpiryNotice)
	if len(list) == 0 {
		return finding{Name: "expiry", OK: true, Detail: "nothing that is trusted ends within 60 days"}
	}
	first, verb := list[0], "ends"
	if first.At.Before(time.Now()) {
		verb = "ended"
	}
	detail := fmt.Sprintf("%s %s on %s", strings.TrimSpace(first.What+" "+first.Vendor), verb, first.At.Format(time.DateOnly))
	if n := len(list) - 1; n > 0 {
		detail += fmt.Sprintf(", and %d more", n)
	}
	return finding{Name: "expiry", OK: verb == "ends", Detail: detail + "; " + first.Remedy, Hint: first.Remedy}
}

func (a *app) checkJournal(context.Context) finding {
	if state, err := os.ReadDir(a.paths().State); len(state) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		return finding{Name: "journal", OK: true, Detail: "none yet in " + a.paths().State + "; it begins when the daemon first runs"}
	}
	rep, err := journal.Verify(a.paths().State)
	var damage *journal.Damage
	if errors.As(err, &damage) {
		return failed("journal", damage, "start lull: it keeps the damaged file aside and goes on from what is good")
	}
	if err != nil {
		return failed("journal", err, "")
	}
	return finding{Name: "journal", OK: true, Detail: fmt.Sprintf("%d records, whole chain right", rep.Records)}
}

func (a *app) checkDaemon(ctx context.Context) finding {
	st, err := a.client().Status(ctx)
	if err != nil {
		return failed("daemon", err, a.rooted("run"))
	}
	return finding{Name: "daemon", OK: true, Detail: fmt.Sprintf("process %d answers", st.PID)}
}

// checkFacts tells what the shipped policies wait for in vain on this machine.
func (a *app) checkFacts(ctx context.Context) finding {
	g, err := facts.New(facts.Options{LocalDir: a.paths().FactsLocal, LocalTypes: a.paths().FactTypes})
	if err != nil {
		return failed("facts", err, "")
	}
	defer g.Close()
	snap := g.Snapshot(ctx, nil, facts.Target{Path: "/"})
	known := 0
	for _, d := range facts.Catalogue() {
		if snap.Get(d.ID).State == facts.Known {
			known++
		}
	}
	return finding{Name: "facts", OK: known > 0, Detail: fmt.Sprintf("%d of %d are known here", known, len(facts.Catalogue())), Hint: a.rooted("facts")}
}
