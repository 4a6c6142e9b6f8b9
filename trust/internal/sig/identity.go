package sig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// Identity is who a certificate must belong to: an exact issuer, an exact or
// matched subject, and exact extensions.
type Identity struct {
	issuer string
	san    string
	re     *regexp.Regexp
	ext    certificate.Extensions
	want   map[string]string
}

// NewIdentity builds an identity. Exactly one of san and sanRegexp is given.
// The expression is anchored at both ends: sigstore-go's own is not, so that
// "https://github.com/acme" would also accept "https://github.com/acme-evil".
func NewIdentity(issuer, san, sanRegexp string, extensions map[string]string) (*Identity, error) {
	switch {
	case issuer == "":
		return nil, errors.New("an issuer is required, as https://token.actions.githubusercontent.com")
	case (san == "") == (sanRegexp == ""):
		return nil, errors.New("give either certificate_identity or certificate_identity_regexp")
	}
	id := &Identity{issuer: issuer, san: san, want: extensions}
	if sanRegexp != "" {
		re, err := regexp.Compile(`\A(?:` + sanRegexp + `)\z`)
		switch {
		case err != nil:
			return nil, fmt.Errorf("regular expression: %w", err)
		case re.MatchString(""):
			return nil, fmt.Errorf("the regular expression %q matches the empty name", sanRegexp)
		}
		id.re = re
	}
	return id, id.extend(extensions)
}

// extend checks the names of the extensions by a round trip through
// sigstore-go's own struct.
func (id *Identity) extend(want map[string]string) error {
	data, err := json.Marshal(want)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&id.ext); err != nil {
		return fmt.Errorf("extensions: %w", err)
	}
	known := extensionsOf(certificate.Summary{Extensions: id.ext})
	for name, value := range want {
		if known[name] != value || value == "" {
			return fmt.Errorf("extension %q has an unknown name or no value; names are as in Fulcio's oid-info.md, runnerEnvironment for instance", name)
		}
	}
	if id.ext.Issuer != "" {
		return errors.New("extensions: give the issuer as certificate_oidc_issuer")
	}
	return nil
}

// Matches tells whether the claims of an unverified certificate fit.
func (id *Identity) Matches(issuer, san string, extensions map[string]string) bool {
	if issuer != id.issuer || san == "" {
		return false
	}
	if id.re != nil && !id.re.MatchString(san) || id.re == nil && san != id.san {
		return false
	}
	for name, value := range id.want {
		if extensions[name] != value {
			return false
		}
	}
	return true
}

// policy demands the identity from sigstore-go.
func (id *Identity) policy(without demand) (verify.PolicyOption, error) {
	pattern := ""
	if id.re != nil {
		pattern = id.re.String()
		if without == demandAnchors {
			pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, `\A`), `\z`)
		}
	}
	san, err := verify.NewSANMatcher(id.san, pattern)
	if err != nil {
		return nil, err
	}
	issuer, err := verify.NewIssuerMatcher(id.issuer, "")
	if err != nil {
		return nil, err
	}
	ext := id.ext
	if without == demandExtensions {
		ext = certificate.Extensions{}
	}
	want, err := verify.NewCertificateIdentity(san, issuer, ext)
	if err != nil {
		return nil, err
	}
	return verify.WithCertificateIdentity(want), nil
}

// extensionsOf flattens the extensions of a certificate to their JSON names.
func extensionsOf(sum certificate.Summary) map[string]string {
	data, err := json.Marshal(sum.Extensions)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	if json.Unmarshal(data, &out) != nil {
		return nil
	}
	delete(out, "issuer")
	return out
}
