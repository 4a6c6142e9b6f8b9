package cli

import (
	"os"
	"strings"

	"github.com/lullhq/lull/trust"
	"github.com/spf13/cobra"
)

func (a *app) verifyCommand() *cobra.Command {
	var o trust.VerifyOptions
	c := &cobra.Command{
		Use: "verify FILE|sha256:DIGEST", Short: "Check a signature offline", Args: exactly("FILE|sha256:DIGEST"),
		Long: `Checks a file, or a digest, against a sigstore bundle (or a bare signature) and a
public key or a certificate identity. Nothing is fetched and no vendor file is
needed. A digest may also be sha384:… or sha512:…, as the signature has it. Without --bundle, FILE.sigstore.json is used.`,
		Example: `  lull verify manifest.json --key vendor.pub
  lull verify app.tar --bundle app.sigstore.json --trusted-root root.json \
    --certificate-identity ci@example.com --certificate-oidc-issuer https://issuer.example`,
		RunE: func(c *cobra.Command, args []string) error {
			if name, _, ok := strings.Cut(args[0], ":"); ok && (name == "sha256" || name == "sha384" || name == "sha512") {
				o.Digest = args[0]
			} else {
				o.File = args[0]
			}
			return a.verify(c, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Bundle, "bundle", "", "the sigstore bundle, `FILE`")
	f.StringVar(&o.Signature, "signature", "", "a bare signature instead of a bundle, `FILE`; needs --key")
	f.StringVar(&o.Key, "key", "", "the public key, a PEM `FILE`")
	f.StringVar(&o.Identity, "certificate-identity", "", "the exact `SUBJECT` of the certificate")
	f.StringVar(&o.IdentityRegexp, "certificate-identity-regexp", "", "an `EXPRESSION` for the whole subject")
	f.StringVar(&o.Issuer, "certificate-oidc-issuer", "", "the exact `URL` of the identity's issuer")
	f.StringToStringVar(&o.Extensions, "certificate-extension", nil, "a certificate extension, `NAME=VALUE` (repeatable)")
	f.StringArrayVar(&o.TrustedRoots, "trusted-root", nil, "a sigstore trusted root, `FILE` (repeatable)")
	return c
}

func (a *app) verify(c *cobra.Command, o trust.VerifyOptions) error {
	if o.Key == "" && o.Identity == "" && o.IdentityRegexp == "" {
		return hinted(usage("verify needs to know who should have signed"), "add --key PUB, or --certificate-identity SUBJECT --certificate-oidc-issuer URL")
	}
	if o.Bundle == "" && o.Signature == "" {
		if o.File == "" {
			return hinted(usage("a digest alone does not say where its signature is"), "add --bundle FILE")
		}
		o.Bundle = o.File + ".sigstore.json"
	}
	p := a.paths()
	o.RootDirs, o.BaseDir, o.Unprivileged = p.RootDirs, p.Base(), os.Geteuid() != 0 || a.root != ""
	r, err := trust.VerifyBundle(c.Context(), o)
	if err != nil {
		return err
	}
	return a.show("Verification", r, func(s *screen) {
		who := "key " + short(r.SPKI)
		if r.SAN != "" {
			who = r.SAN + " (" + r.Issuer + ")"
		}
		s.line("%s  %s signed by %s", s.green("verified"), r.Digest, who)
	})
}
