package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
)

// Generation is one immutable loaded set of vendors, trusted roots and
// revocations. Two generations with the same content have the same digest.
type Generation struct {
	digest   string
	vendors  map[string]*vendor
	roots    map[string]*rootFile
	revoked  []Revocation
	damaged  error // set when revocations could not be read: nobody is trusted
	problems []Problem
	stamp    string // identity of the revocation directory when it was read
	off      defence
}

// vendor is a vendor file with its keys loaded; broken says why it vouches for
// nothing.
type vendor struct {
	Vendor
	keys       []vendorKey
	identities []vendorIdentity
	broken     error
}

type vendorKey struct {
	Key
	pub *sig.PublicKey
}

type vendorIdentity struct {
	Identity
	who *sig.Identity
}

// rootFile is one trusted root of roots.d.
type rootFile struct {
	name     string
	path     string
	modified time.Time
	root     *sig.Root
	broken   error
}

// Digest identifies the content, 64 hex digits. It is journaled with each start.
func (g *Generation) Digest() string { return g.digest }

// Problems lists what is wrong, sorted by file and line. A vendor with a
// problem is disabled as a whole.
func (g *Generation) Problems() []Problem { return slices.Clone(g.problems) }

// Vendors lists the vendor files that could be read, sorted by name, broken and
// disabled ones included; [Generation.Vendor] tells them apart.
func (g *Generation) Vendors() []Vendor {
	out := make([]Vendor, 0, len(g.vendors))
	for _, name := range sortedKeys(g.vendors) {
		out = append(out, g.vendors[name].Vendor)
	}
	return out
}

// Vendor returns a vendor and why nothing of it is trusted, nil when it is in
// force: ErrVendorUnknown, ErrVendorBroken, ErrOverlap, ErrVendorDisabled,
// ErrRevoked or ErrState. Expiry is not looked at, as it depends on the time.
func (g *Generation) Vendor(name string) (Vendor, error) {
	v, err := g.usable(name)
	if v == nil {
		return Vendor{}, err
	}
	return v.Vendor, err
}

func (g *Generation) usable(name string) (*vendor, error) {
	v := g.vendors[name]
	if v == nil {
		return nil, refuse(ErrVendorUnknown, "", fmt.Sprintf("%q", clip(name)), "add "+clip(name)+".yaml to vendors.d, see `lull vendor add`")
	}
	switch r, gone := revokes(g.revoked, name, ""); {
	case g.damaged != nil && g.off != defenceDamage:
		return v, g.damaged
	case v.broken != nil:
		return v, v.broken
	case gone:
		return v, refuse(ErrRevoked, v.File, fmt.Sprintf("vendor %s was revoked on %s: %s", name, r.Time.Format(time.DateOnly), r.Reason), "take the program from another vendor")
	case !v.Enabled && g.off != defenceDisabled:
		return v, refuse(ErrVendorDisabled, v.File, name, "write enabled: true to trust it again")
	}
	return v, nil
}

// Revocations are those in force.
func (g *Generation) Revocations() []Revocation { return slices.Clone(g.revoked) }

// Roots names the trusted roots that could be read, sorted.
func (g *Generation) Roots() []string {
	var out []string
	for _, name := range sortedKeys(g.roots) {
		if g.roots[name].broken == nil {
			out = append(out, name)
		}
	}
	return out
}

// stampOf identifies the state of a directory: the names of its files, who may
// change them, and what is in them. Times alone would not do, for a file that is
// rewritten within one tick of the clock keeps its own; revocations are few and
// small, so reading them costs less than a signature check.
func stampOf(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		inode, changed, _ := identityOf(info)
		data, err := readRegular(filepath.Join(dir, e.Name()), maxVendorFile)
		fmt.Fprintln(&b, e.Name(), info.Mode(), inode, changed, hexDigest(data), err)
	}
	return b.String()
}
