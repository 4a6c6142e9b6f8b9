package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

// packOptions are the flags of lull pack.
type packOptions struct {
	key string
	out string
}

func (a *app) packCommand() *cobra.Command {
	var o packOptions
	c := &cobra.Command{
		Use: "pack DIR|UPDATE.json", Short: "Build, check and sign an updater package, or sign an update document", Args: exactly("DIR|UPDATE.json"),
		Long: `Given a directory with a manifest.json and the payload, fills in the digest of
every file, checks everything that can be checked without a machine, and with
--key signs the manifest. Given an update document, signs it with --key.

Stock cosign signs the same way:
  cosign sign-blob --key K --bundle manifest.json.sigstore.json manifest.json`,
		Example: "  lull vendor keygen example\n  lull pack ./reader --key example.key\n  lull pack reader-12.4.json --key example.key",
		RunE:    func(c *cobra.Command, args []string) error { return a.pack(c.Context(), args[0], o) },
	}
	c.Flags().StringVar(&o.key, "key", "", "sign with this private key, PEM or cosign's, `FILE`")
	c.Flags().StringVar(&o.out, "out", "", "also write the package as a tar, `FILE`")
	return c
}

func (a *app) pack(ctx context.Context, path string, o packOptions) error {
	info, err := os.Stat(path)
	if err != nil {
		return coded(exitFailed, fmt.Errorf("pack: %w", err), "name a directory with a manifest.json, or an update document")
	}
	if !info.IsDir() {
		return a.sign(ctx, path, o)
	}
	r, err := trust.Pack(ctx, trust.PackOptions{Dir: path, KeyFile: o.key, Password: a.password, Out: o.out})
	if err != nil {
		return coded(exitFailed, err, hintOf(err))
	}
	return a.show("Package", r, func(s *screen) {
		s.line("packed %s %s: %d files, %s, manifest sha256 %s", r.ID, r.Version, r.Files, size(float64(r.Bytes)), short(r.Digest))
		if r.Bundle == "" {
			s.line("%s; sign it with --key, or with cosign", s.yellow("not signed"))
			return
		}
		s.line("signed   %s", r.Bundle)
	})
}

// sign signs an update document after reading it as strictly as the daemon
// will.
func (a *app) sign(ctx context.Context, path string, o packOptions) error {
	if o.key == "" {
		return hinted(usage("an update document needs a signature"), "add --key FILE")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	doc, err := trust.ParseUpdateDocument(data)
	if err != nil {
		return coded(exitFailed, fmt.Errorf("%s: %w", path, err), hintOf(err))
	}
	if err := trust.Sign(ctx, path, o.key, a.password); err != nil {
		return coded(exitFailed, err, hintOf(err))
	}
	res := map[string]any{"updater": doc.Updater, "id": doc.ID, "version": doc.Version, "file": path, "bundle": path + ".sigstore.json"}
	return a.show("SignedUpdate", res, func(s *screen) {
		s.line("signed   %s.sigstore.json: update %s %s of %s", path, doc.ID, doc.Version, doc.Updater)
	})
}
