package sig

import (
	"errors"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// MaxRoot is the largest trusted root that is parsed, in bytes.
const MaxRoot = 4 << 20

// Root is a sigstore deployment: certificate authorities, logs and timestamp
// authorities that may vouch for signers.
type Root struct {
	material root.TrustedMaterial
}

// ParseRoot reads a trusted_root.json.
func ParseRoot(data []byte) (*Root, error) {
	if len(data) > MaxRoot {
		return nil, errors.New("too large to be a trusted root")
	}
	tr, err := root.NewTrustedRootFromJSON(data)
	if err != nil {
		return nil, err
	}
	return &Root{material: tr}, nil
}

// Expires is the earliest end of validity among the newest authorities, after
// which new signatures of this deployment are no longer believed; zero when
// none of them ends.
func (r *Root) Expires() time.Time {
	var newest time.Time
	for _, ca := range r.material.FulcioCertificateAuthorities() {
		f, ok := ca.(*root.FulcioCertificateAuthority)
		if !ok || f.ValidityPeriodEnd.IsZero() {
			return time.Time{}
		}
		if f.ValidityPeriodEnd.After(newest) {
			newest = f.ValidityPeriodEnd
		}
	}
	return newest
}
