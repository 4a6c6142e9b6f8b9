// Package sig is the one place that knows sigstore: keys, bundles, trusted
// roots, and the fixed policy by which a signature is believed.
//
// The demands of a verification never come from the bundle. A certificate must
// carry a transparency-log entry, a certificate timestamp and a trusted signing
// time of the given root. A key needs log entry and trusted time where a root
// is given, and neither where none is. Validity windows are compared by the
// caller, because sigstore-go does not look at them when no timestamp is
// demanded (sigstore-go PR 642, GHSA-wqqc-jjcq-vfxm).
//
// Blobs are always passed as digests: sigstore-go would read them twice, and
// wholly into memory for some keys.
package sig
