package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

func (a *app) trustCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "trust", Short: "Keep the sigstore roots of keyless signatures current", Args: verbs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.trustRefreshCommand())
	return c
}

func (a *app) trustRefreshCommand() *cobra.Command {
	var o struct {
		url, first string
		due        bool
	}
	c := &cobra.Command{
		Use: "refresh [NAME]", Short: "Fetch a trusted root and put it in place", Args: cobra.MaximumNArgs(1),
		Long: `Fetches the trusted root of a sigstore deployment from its TUF repository, which
refuses older, expired and foreign ones, and puts it into the state directory as
roots.d/NAME.json. An administrator's own file of that name in /etc/lull/roots.d
hides it. The daemon does the same once a day, when the policy lets a scan run.
It is the only command that goes online to be able to trust; nothing that
verifies does. Without NAME it is public-good, sigstore's own instance.`,
		Example: `  lull trust refresh
  lull trust refresh corp --url https://tuf.corp.example --tuf-root corp.root.json`,
		RunE: func(c *cobra.Command, args []string) error {
			p := a.paths()
			r := trust.Refresher{Name: "public-good", URL: o.url, Dir: p.StateRoots(), Cache: filepath.Join(p.State, "tuf")}
			if len(args) == 1 {
				r.Name = args[0]
			}
			if r.Name != "public-good" && (o.url == "" || o.first == "") {
				return hinted(usage("only the repository of public-good is known to lull"), "add --url URL and --tuf-root FILE, which the operator of "+r.Name+" publishes")
			}
			if o.first != "" {
				data, err := os.ReadFile(o.first)
				if err != nil {
					return fmt.Errorf("--tuf-root: %w", err)
				}
				r.Root = data
			}
			return a.refreshRoot(c, r, o.due)
		},
	}
	c.Flags().StringVar(&o.url, "url", "", "the `URL` of the TUF repository")
	c.Flags().StringVar(&o.first, "tuf-root", "", "the first root of that repository, a `FILE` that came by a trusted way")
	c.Flags().BoolVar(&o.due, "if-due", false, "do nothing when it was confirmed within the last day")
	return c
}

func (a *app) refreshRoot(c *cobra.Command, r trust.Refresher, ifDue bool) error {
	body := map[string]any{"name": r.Name, "path": r.Path(), "refreshed": false, "changed": false}
	if next := r.NextDue(time.Now()); ifDue && next.After(time.Now()) {
		body["next_due"] = next.UTC().Format(time.RFC3339)
		return a.show("RootRefresh", body, func(s *screen) {
			s.line("%s was confirmed within the last day; due again %s", r.Name, next.Format("2006-01-02 15:04"))
		})
	}
	changed, err := r.Refresh(c.Context())
	if errors.Is(err, trust.ErrRoot) {
		return coded(exitFailed, err, hintOf(err)) // it could not be done; nobody was found untrustworthy
	}
	if err != nil {
		return err
	}
	body["refreshed"], body["changed"] = true, changed
	body["next_due"] = r.NextDue(time.Now()).UTC().Format(time.RFC3339)
	hidden := a.hidesRoot(r.Name)
	if hidden != "" {
		body["hidden_by"] = hidden
	}
	return a.show("RootRefresh", body, func(s *screen) {
		if changed {
			s.line("%s  root %s was replaced: %s", s.green("new"), r.Name, r.Path())
		} else {
			s.line("%s  root %s is still the current one: %s", s.green("ok"), r.Name, r.Path())
		}
		if hidden != "" {
			s.line("but it is not in force: %s comes first", hidden)
		}
	})
}

// hidesRoot finds a root of the same name in a directory that comes first, ""
// when there is none.
func (a *app) hidesRoot(name string) (path string) {
	p := a.paths()
	for _, dir := range p.RootDirs[slices.Index(p.RootDirs, p.StateRoots())+1:] {
		if file := filepath.Join(dir, name+".json"); exists(file) {
			path = file
		}
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
