package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/strict"
)

// Revocation takes trust away from a vendor's key or identity, or from the
// whole vendor. It is a file of its own in the state directory, so that it
// works with a read-only /etc and two administrators cannot lose each other's.
type Revocation struct {
	Vendor string    `json:"vendor"`
	Signer string    `json:"signer,omitempty"` // id of a key or identity; "" revokes the vendor
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
}

// RevocationDir is where revocations lie, for whoever wants to see them come.
func (t *Trust) RevocationDir() string { return t.revocationDir() }

func (t *Trust) revocationDir() string { return filepath.Join(t.opt.StateDir, "revocations") }

// Revoke takes trust away from one key or identity of a vendor, or from the
// whole vendor when signer is "". It is on disk when Revoke returns and holds
// from the next [Trust.Check] on, also in another process. Nothing else is
// needed for the vendor to exist: revoking what is not there is allowed.
func (t *Trust) Revoke(vendor, signer, reason string) error {
	r := Revocation{Vendor: vendor, Signer: signer, Reason: reason, Time: t.now().UTC().Truncate(time.Second)}
	if err := r.valid(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	err = os.MkdirAll(t.revocationDir(), 0o755)
	if err == nil {
		err = writeFile(filepath.Join(t.revocationDir(), r.file()), append(data, '\n'))
	}
	if err != nil {
		return t.notRevoked(r, err)
	}
	t.Reload()
	return nil
}

// notRevoked says what else takes the trust away where the state directory
// cannot be written.
func (t *Trust) notRevoked(r Revocation, err error) error {
	var e *Error
	if errors.As(err, &e) {
		err = e.Err
	}
	instead := "write `enabled: false` in its vendor file"
	if v := t.Generation().vendors[r.Vendor]; v != nil {
		instead = "write `enabled: false` in " + v.File
		if r.Signer != "" {
			instead = "write `revoked: true` at " + r.Signer + " in " + v.File
		}
	}
	return &Error{Reason: ErrIO, Path: t.revocationDir(), What: "nothing was revoked", Err: cause(err),
		Remedy: "run it as root, with the directory writable; or " + instead}
}

func (r Revocation) valid() error {
	if !vendorName.matches(r.Vendor) {
		return refuse(ErrVendorUnknown, "", fmt.Sprintf("%q is not a vendor name", clip(r.Vendor)), "`lull vendor list` names them")
	}
	if r.Signer != "" && !shortName.matches(r.Signer) {
		return refuse(ErrUntrustedSigner, "", fmt.Sprintf("%q is not the id of a key or identity", clip(r.Signer)), "`lull vendor show "+r.Vendor+"` names them")
	}
	return nil
}

// file names a revocation by what it revokes: revoking twice is once.
func (r Revocation) file() string {
	sum := sha256.Sum256([]byte(r.Vendor + "\x00" + r.Signer))
	return r.Vendor + "-" + hex.EncodeToString(sum[:6]) + ".json"
}

// loadRevocations reads all revocations. One that cannot be read revokes
// everything its file name could mean: the vendor, or all vendors.
func loadRevocations(dir string, o owners) (list []Revocation, damaged []*Error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err == nil {
		err = o.check(dir)
	}
	if err != nil {
		return nil, []*Error{because(ErrState, dir, "revocations cannot be read, so nobody is trusted", err)}
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		r, err := readRevocation(filepath.Join(dir, e.Name()), o)
		if err != nil {
			damaged = append(damaged, because(ErrState, filepath.Join(dir, e.Name()), "a revocation cannot be read, so nobody is trusted", err))
			continue
		}
		list = append(list, r)
	}
	return list, damaged
}

func readRevocation(path string, o owners) (Revocation, error) {
	var r Revocation
	data, err := o.readFile(path, maxVendorFile)
	if err != nil {
		return r, err
	}
	root, err := strict.ParseJSON(data)
	if err != nil {
		return r, err
	}
	if faults := strict.Decode(root, &r); len(faults) > 0 {
		return r, faults[0]
	}
	return r, r.valid()
}

// revokes tells whether the list takes trust from a signer of a vendor; signer
// "" asks about the vendor as a whole.
func revokes(list []Revocation, vendor, signer string) (Revocation, bool) {
	for _, r := range list {
		if r.Vendor == vendor && (r.Signer == "" || r.Signer == signer) {
			return r, true
		}
	}
	return Revocation{}, false
}
