package trust

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
	"github.com/lullhq/lull/trust/internal/strict"
)

const maxVendorFile = 1 << 20

// ParseVendor reads and checks one vendor file by itself, without the key files
// it names. name is the file's name without ".yaml", which the vendor field
// must repeat. The error is ErrVendorBroken, with the line.
func ParseVendor(name string, data []byte) (*Vendor, error) {
	v, f := parseVendor(name+".yaml", name, data)
	return v, f.err()
}

// parseVendor returns what could be read even when there are faults: the scopes
// of a broken file still count against those of others.
func parseVendor(file, name string, data []byte) (*Vendor, *faults) {
	f := &faults{why: ErrVendorBroken, file: file}
	v := &Vendor{File: file}
	if len(data) > maxVendorFile {
		f.add("", "", "larger than %d bytes", maxVendorFile)
		return v, f
	}
	root, err := strict.ParseYAML(data)
	if f.decode(root, err, v) {
		v.check(f, name)
	}
	return v, f
}

func (v *Vendor) check(f *faults, name string) {
	f.oneOf("apiVersion", v.APIVersion, apiVersion)
	if !vendorName.matches(name) {
		f.add("", "rename it with lower-case letters, digits and -", "the file's name %q is not a vendor name", name)
	}
	if v.Name != name {
		f.add("vendor", "write "+name+", or rename the file", "%q is not the file's name", clip(v.Name))
	}
	if f.root.At("enabled") == nil {
		f.add("enabled", "write enabled: true or enabled: false", "missing")
	}
	if v.Expires.IsZero() {
		f.add("expires", "write it as 2027-01-31T00:00:00Z", "missing")
	}
	if v.DisplayName != "" {
		f.text("display_name", v.DisplayName, 200)
	}
	v.checkSigners(f)
	v.checkScopes(f)
	v.checkLists(f)
	v.Audit.check(f)
}

// checkSigners insists that somebody can sign: no list of signers may mean
// "anybody" (GHSA-fphv-w9fq-2525: a threshold of zero switched signatures off).
func (v *Vendor) checkSigners(f *faults) {
	ids := map[string]bool{}
	signers := 0
	for i, k := range v.Keys {
		at := fmt.Sprintf("keys.%d", i)
		k.check(f, at)
		checkSignerID(f, at, k.ID, ids)
		if !k.AttestOnly {
			signers++
		}
	}
	for i, id := range v.Identities {
		at := fmt.Sprintf("identities.%d", i)
		id.check(f, at)
		checkSignerID(f, at, id.ID, ids)
		if !id.AttestOnly {
			signers++
		}
	}
	if signers == 0 {
		f.add("keys", "add a key or an identity", "nobody may sign for this vendor")
	}
}

func checkSignerID(f *faults, at, id string, seen map[string]bool) {
	if !shortName.matches(id) {
		f.add(at+".id", `write a short name in quotes, as "2026"`, "%q is not a name", clip(id))
	}
	if seen[id] {
		f.add(at+".id", "give every key and identity an id of its own", "%q is used twice", id)
	}
	seen[id] = true
}

func (k Key) check(f *faults, at string) {
	if k.PEMFile == "" || strings.ContainsAny(k.PEMFile, `/\`) || strings.HasPrefix(k.PEMFile, ".") {
		f.add(at+".pem_file", "put the public key beside the vendor file and write its name", "%q is not a file name", clip(k.PEMFile))
	}
	if k.Root != "" && !shortName.matches(k.Root) {
		f.add(at+".root", "write the name of a file in roots.d, without .json", "%q is not a name", clip(k.Root))
	}
	checkWindow(f, at, k.NotBefore, k.NotAfter)
}

func checkWindow(f *faults, at string, from, to time.Time) {
	if !from.IsZero() && !to.IsZero() && !to.After(from) {
		f.add(at+".not_after", "make it later than not_before", "the window is empty")
	}
}

func (id Identity) check(f *faults, at string) {
	if !shortName.matches(id.Root) {
		f.add(at+".root", "write the name of a file in roots.d, without .json", "%q is not a name", clip(id.Root))
	}
	if _, err := sig.NewIdentity(id.Issuer, id.SAN, id.SANRegexp, id.Extensions); err != nil {
		f.add(at, "", "%v", err)
	}
	if u, err := url.Parse(id.Issuer); id.Issuer != "" && (err != nil || u.Scheme != "https" || !ascii(id.Issuer)) {
		f.add(at+".certificate_oidc_issuer", "write the issuer as in the certificate", "%q is not an https address in plain letters", clip(id.Issuer))
	}
	checkWindow(f, at, id.NotBefore, id.NotAfter)
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e || r < 0x21 })
}

func (v *Vendor) checkLists(f *faults) {
	for i, d := range v.DenyDigests {
		if !validDigest(d) {
			f.add(fmt.Sprintf("deny_digests.%d", i), "write it as sha256sum prints it", "%q is not 64 lower-case hex digits", clip(d))
		}
	}
	for i, p := range v.PredicateTypes {
		if u, err := url.Parse(p); err != nil || !u.IsAbs() {
			f.add(fmt.Sprintf("predicate_types.%d", i), "write it as https://slsa.dev/provenance/v1", "%q is not a type", clip(p))
		}
	}
}

func (a Audit) check(f *faults) {
	if a.AttestedBy != "" {
		f.text("audit.attested_by", a.AttestedBy, 200)
	}
	if a.Report != "" {
		f.text("audit.report", a.Report, 1000)
	}
	if _, err := time.Parse(time.DateOnly, a.Date); a.Date != "" && err != nil {
		f.add("audit.date", "write it as 2026-05-02", "%q is not a date", clip(a.Date))
	}
}

func (v *Vendor) checkScopes(f *faults) {
	if len(v.Scopes) == 0 {
		f.add("scopes", "state which updaters the vendor may register", "missing")
	}
	for i, s := range v.Scopes {
		at := fmt.Sprintf("scopes.%d", i)
		s.check(f, at)
		for j, other := range v.Scopes[:i] {
			if a, b, found := overlap(s.Updaters, other.Updaters); found {
				f.add(at+".updaters", "keep each updater in one scope", "%q overlaps %q of scope %d", a, b, j)
			}
		}
	}
}

func (s Scope) check(f *faults, at string) {
	if len(s.Updaters) == 0 {
		f.add(at+".updaters", `write ["com.example.*"], or exact ids`, "missing")
	}
	for i, p := range s.Updaters {
		if !updaterID.matches(strings.TrimSuffix(p, ".*")) {
			f.add(fmt.Sprintf("%s.updaters.%d", at, i), "write an id, or one followed by .*", "%q is not an updater pattern", clip(p))
		}
	}
	s.checkWords(f, at)
	s.checkWrite(f, at)
	if s.MinVersion != "" && !validVersion(s.MinVersion) {
		f.add(at+".min_version", `write it in quotes, as "3.0.0"`, "%q is not a SemVer version", clip(s.MinVersion))
	}
	f.between(at+".max_artifact_bytes", s.MaxArtifactBytes, 0, maxArtifact)
}

func (s Scope) checkWords(f *faults, at string) {
	if len(s.Actions) == 0 {
		f.add(at+".actions", "write [scan, download, install, complete]", "missing")
	}
	for i, a := range s.Actions {
		f.oneOf(fmt.Sprintf("%s.actions.%d", at, i), a, Kinds...)
	}
	if len(s.Components) == 0 {
		f.add(at+".components", "write [user_mode_app]", "missing")
	}
	for i, c := range s.Components {
		where := fmt.Sprintf("%s.components.%d", at, i)
		if slices.Contains(refusedComponents, strings.ToLower(c)) {
			f.addAs(ErrComponent, where, "remove it; no vendor file can allow it", "%q", c)
			continue
		}
		f.oneOf(where, c, components...)
	}
	for i, r := range s.Restart {
		f.oneOf(fmt.Sprintf("%s.restart.%d", at, i), r, "none", "app", "session", "system")
	}
	if s.Artifacts != "" {
		f.oneOf(at+".artifacts", s.Artifacts, BindingStatement, BindingSelf)
	}
}

func (s Scope) checkWrite(f *faults, at string) {
	for i, dir := range s.Write {
		where := fmt.Sprintf("%s.write.%d", at, i)
		if why := badDir(dir); why != "" {
			f.add(where, "", "%q %s", clip(dir), why)
		} else if !underAny(dir, writable) {
			f.add(where, "move it there, or list it as unsafe_write", "%q is not below %s", dir, strings.Join(writable, ", "))
		}
	}
	for i, dir := range s.UnsafeWrite {
		where := fmt.Sprintf("%s.unsafe_write.%d", at, i)
		if why := badDir(dir); why != "" {
			f.add(where, "", "%q %s", clip(dir), why)
		}
		for _, never := range neverWritable {
			if nested(dir, never) {
				f.add(where, "no vendor file can allow it", "%q would open %s", dir, never)
				break
			}
		}
	}
}

// Binding is what states the artifacts in this scope: BindingStatement or
// BindingSelf.
func (s Scope) Binding() string {
	if s.Artifacts == BindingSelf {
		return BindingSelf
	}
	return BindingStatement
}

// covers tells whether the scope is about an updater.
func (s Scope) covers(id string) bool {
	return slices.ContainsFunc(s.Updaters, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return p == id || wild && strings.HasPrefix(id, prefix)
	})
}
