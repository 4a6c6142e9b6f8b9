package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

func (a *app) vendorCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "vendor", Short: "See, add and revoke the vendors this machine trusts", Args: verbs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.vendorListCommand(), a.vendorShowCommand(), a.vendorAddCommand(), a.vendorRevokeCommand(), a.vendorKeygenCommand())
	return c
}

func (a *app) vendorListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the vendors, and what is wrong with their files", Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			t, err := a.trust()
			if err != nil {
				return err
			}
			defer t.Close()
			g := t.Reload()
			problems := append([]trust.Problem{}, g.Problems()...)
			err = a.show("VendorList", map[string]any{"vendors": g.Vendors(), "problems": problems}, func(s *screen) {
				rows := [][]string{{"VENDOR", "ENABLED", "SIGNERS", "EXPIRES", "FILE"}}
				for _, v := range g.Vendors() {
					rows = append(rows, []string{s.bold(v.Name), quantity(v.Enabled, ""), fmt.Sprint(len(v.Keys) + len(v.Identities)), day(v.Expires), s.faint(v.File)})
				}
				s.table(rows...)
				printProblems(s, problems)
			})
			if err == nil && len(problems) > 0 {
				return exit(exitPartly)
			}
			return err
		},
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.DateOnly)
}

func (a *app) vendorShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show VENDOR", Short: "Show what a vendor may do", Args: exactly("VENDOR"),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := a.trust()
			if err != nil {
				return err
			}
			defer t.Close()
			v, err := t.Reload().Vendor(args[0])
			if err != nil {
				return coded(exitDenied, err, hintOf(err))
			}
			return a.show("Vendor", v, func(s *screen) { printVendor(s, v) })
		},
	}
}

func printVendor(s *screen, v trust.Vendor) {
	s.line("%s  enabled %s, expires %s  %s", s.bold(v.Name), quantity(v.Enabled, ""), day(v.Expires), s.faint(v.File))
	for _, k := range v.Keys {
		s.line("  key      %s  %s%s", k.ID, k.PEMFile, terms(k.NotBefore, k.NotAfter, k.Revoked, k.AttestOnly, k.Root))
	}
	for _, i := range v.Identities {
		s.line("  identity %s  %s%s by %s%s", i.ID, i.SAN, i.SANRegexp, i.Issuer, terms(i.NotBefore, i.NotAfter, i.Revoked, i.AttestOnly, i.Root))
	}
	for _, sc := range v.Scopes {
		s.line("  scope    %s: %s of %s; writes %s; artifacts %s", orNone(sc.Updaters), orNone(sc.Actions), orNone(sc.Components),
			orNone(append(append([]string{}, sc.Write...), sc.UnsafeWrite...)), bound(s, sc.Binding()))
		if sc.MinVersion != "" || len(sc.Restart) > 0 || sc.HonorDeadlines {
			s.line("           from version %s; restarts %s; deadlines honoured %s", orAny(sc.MinVersion), orNone(sc.Restart), quantity(sc.HonorDeadlines, ""))
		}
	}
	for _, d := range v.DenyDigests {
		s.line("  denied   sha256:%s", d)
	}
	if v.Audit.AttestedBy != "" {
		s.line("  audit    by %s on %s  %s", v.Audit.AttestedBy, v.Audit.Date, s.faint(v.Audit.Report))
	}
}

// terms is under what else a signer's word counts.
func terms(from, to time.Time, revoked, attests bool, root string) (text string) {
	if root != "" {
		text += ", confirmed by root " + root
	}
	if !from.IsZero() {
		text += ", from " + day(from)
	}
	if !to.IsZero() {
		text += ", until " + day(to)
	}
	if attests {
		text += ", attests only"
	}
	if revoked {
		text += ", revoked"
	}
	return text
}

func orAny(version string) string {
	if version == "" {
		return "any"
	}
	return version
}

// bound says what states the artifacts. That nobody signs them is worth a colour.
func bound(s *screen, binding string) string {
	if binding == trust.BindingSelf {
		return s.yellow("self (nothing signed states them)")
	}
	return binding
}

func (a *app) vendorAddCommand() *cobra.Command {
	return &cobra.Command{
		Use: "add FILE.yaml", Short: "Check a vendor file and its keys, and put them in force", Args: exactly("FILE.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			name, files, err := a.readVendor(args[0])
			if err != nil {
				return err
			}
			dirs := a.paths().VendorDirs
			to := dirs[len(dirs)-1]
			if err := installVendor(to, name, args[0], files); err != nil {
				return hinted(fmt.Errorf("vendor %s was not added: %w", name, err), notWritable(to, dirs))
			}
			text := "vendor " + name + " is in " + to
			if a.vendorInForce(c.Context(), name) {
				text += "; the daemon has taken it"
			}
			return a.show("Done", map[string]any{"message": text}, func(s *screen) { s.line("%s", text) })
		},
	}
}

// notWritable says where else a vendor file may lie.
func notWritable(to string, dirs []string) string {
	if len(dirs) < 2 {
		return "run it as root, with " + to + " writable"
	}
	return "run it as root, with " + to + " writable; or put the file and its keys into " + dirs[len(dirs)-2] + ", until the next boot"
}

// vendorInForce waits a moment for a running daemon to take the vendor, so
// that the next command can already use it. Without a daemon it is false.
func (a *app) vendorInForce(ctx context.Context, name string) bool {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		st, err := a.client().Status(ctx)
		if err != nil {
			return false
		}
		if slices.Contains(st.Vendors.Names, name) {
			return true
		}
		if !pause(ctx, 20*time.Millisecond) {
			return false
		}
	}
	return false
}

// readVendor checks a vendor file as it would be once in force, so that nothing
// is put there that disables this vendor or another, and returns the key files
// beside it.
func (a *app) readVendor(path string) (name string, keys []string, err error) {
	if filepath.Ext(path) != ".yaml" {
		return "", nil, hinted(fmt.Errorf("%s is not a vendor file", path), "name it VENDOR.yaml")
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	t, err := a.trust()
	if err != nil {
		return "", nil, err
	}
	defer t.Close()
	v, problems := t.TryVendor(path)
	if len(problems) > 0 {
		text := "the vendor was not added"
		for _, p := range problems {
			text += "\n" + p.String()
		}
		return "", nil, coded(exitFailed, errors.New(text), "lull vendor list shows who is in force")
	}
	for _, k := range v.Keys {
		keys = append(keys, filepath.Join(filepath.Dir(path), k.PEMFile))
	}
	return v.Name, keys, nil
}

// installVendor copies the keys first and the vendor file last, so that the
// daemon never sees a vendor without its keys.
func installVendor(dir, name, file string, keys []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, k := range keys {
		if err := copyInto(filepath.Join(dir, filepath.Base(k)), k); err != nil {
			return err
		}
	}
	return copyInto(filepath.Join(dir, name+".yaml"), file)
}

// copyInto replaces to by the bytes of from, whole or not at all.
func copyInto(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return replaceFile(to, data, 0o644)
}

// replaceFile writes by temporary file and rename.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".lull-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (a *app) vendorRevokeCommand() *cobra.Command {
	reason := ""
	c := &cobra.Command{
		Use: "revoke VENDOR [SIGNER]", Short: "Stop trusting a vendor, or one of its keys or identities, at once",
		Long: "Writes the revocation to the state directory, so it works with a read-only /etc and\nan update of the vendor file cannot undo it.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := a.trust()
			if err != nil {
				return err
			}
			defer t.Close()
			signer, what := "", "vendor "+args[0]
			if len(args) == 2 {
				signer, what = args[1], "signer "+args[1]+" of vendor "+args[0]
			}
			if err := t.Revoke(args[0], signer, reason); err != nil {
				return err
			}
			if err := known(t.Generation(), args[0], signer); err != nil {
				fmt.Fprintf(a.err, "lull: warning: %v\n", err)
			}
			return a.show("Done", map[string]any{"message": what + " is revoked"}, func(s *screen) { s.line("%s is revoked", what) })
		},
	}
	c.Flags().StringVar(&reason, "reason", "revoked by an administrator", "why, for the journal")
	return c
}

// known tells of a revocation that takes trust from nobody here: allowed, as it
// may come before the vendor file does, and most likely a slip.
func known(g *trust.Generation, vendor, signer string) error {
	var names []string
	for _, v := range g.Vendors() {
		names = append(names, v.Name)
		if v.Name != vendor {
			continue
		}
		var ids []string
		for _, k := range v.Keys {
			ids = append(ids, k.ID)
		}
		for _, i := range v.Identities {
			ids = append(ids, i.ID)
		}
		if signer != "" && !slices.Contains(ids, signer) {
			return fmt.Errorf("vendor %s has no signer %s; it has %s", vendor, signer, orNone(ids))
		}
		return nil
	}
	return fmt.Errorf("no vendor file is called %s; there are %s", vendor, orNone(names))
}

func (a *app) vendorKeygenCommand() *cobra.Command {
	dir := ""
	c := &cobra.Command{
		Use: "keygen NAME", Short: "Make a signing key: NAME.key and NAME.pub", Args: exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			private, public, err := trust.GenerateKey(dir, args[0], []byte(a.env("COSIGN_PASSWORD")))
			if err != nil {
				return err
			}
			return a.show("KeyPair", map[string]any{"private": private, "public": public}, func(s *screen) {
				s.line("private  %s   keep it to yourself", private)
				s.line("public   %s   name it in the vendor file", public)
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "where to put them, `DIR`")
	return c
}

// writeText writes a small text file, whole or not at all.
func writeText(path, text string) error { return replaceFile(path, []byte(text), 0o644) }
