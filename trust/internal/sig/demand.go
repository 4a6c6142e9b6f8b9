package sig

import "github.com/sigstore/sigstore-go/pkg/verify"

// demand names one thing that is asked of sigstore-go. The mutation test leaves
// them out one at a time, to show that an attack gets through then: a demand
// that nothing misses is not tested. There is no way to leave one out from
// outside the package.
type demand string

// The demands. What makes a bundle believed never comes from the bundle itself.
const (
	demandLog        demand = "a log entry"
	demandTime       demand = "a trusted time"
	demandSCT        demand = "a certificate timestamp"
	demandIdentity   demand = "the signer's identity"
	demandAnchors    demand = "the whole name, not a part of it"
	demandExtensions demand = "the certificate's extensions"
	demandArtifact   demand = "the digest of the file"
)

// demands lists the options of the verifier. sigstore-go wants to be told
// where the time comes from; without a trusted one it is now.
func (b *Bundle) demands(list ...demand) (opts []verify.VerifierOption) {
	for _, d := range list {
		left := d == b.without
		switch {
		case left && d == demandTime:
			opts = append(opts, verify.WithCurrentTime())
		case left:
		case d == demandLog:
			opts = append(opts, verify.WithTransparencyLog(1))
		case d == demandTime:
			opts = append(opts, verify.WithObserverTimestamps(1))
		case d == demandSCT:
			opts = append(opts, verify.WithSignedCertificateTimestamps(1))
		}
	}
	return opts
}
