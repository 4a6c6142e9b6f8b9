package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/sig"
)

// Package is a verified updater package in the store.
type Package struct {
	ID       string
	Vendor   string
	Version  string
	Digest   string // sha256 of manifest.json, 64 hex digits: the package's name in the store
	Manifest *Manifest
	Signer   Signer // as of when it was admitted
}

// evidence is what a package says for itself, whether it lies in a directory
// or in the store.
type evidence struct {
	place        string // directory, for errors
	manifest     []byte
	proof        proof
	attestations []attestationFile
}

type attestationFile struct {
	path string
	data []byte
}

// judgement is the answer about one package: who vouched, within which scope,
// and everything that speaks against it.
type judgement struct {
	t       *Trust
	g       *Generation
	now     time.Time
	pkg     *Package
	vendor  *vendor
	scope   *Scope
	signed  *vouched
	attests []attestation
	floors  *floors
	errs    []*Error
}

// judge verifies a package without its payload files. It goes on after a
// failure where that makes sense, so that everything wrong is told at once; the
// first failure is the one that counts. Nothing in it depends on the order of
// files or maps.
func (t *Trust) judge(g *Generation, ev evidence) *judgement {
	j := &judgement{t: t, g: g, now: t.now()}
	m, f := parseManifest(ev.place+manifestName, ev.manifest)
	j.errs = append(j.errs, f.list...)
	if len(f.list) > 0 && (m == nil || !updaterID.matches(m.ID) || !vendorName.matches(m.Vendor)) {
		return j // nobody to ask about the rest
	}
	j.pkg = &Package{ID: m.ID, Vendor: m.Vendor, Version: m.Version, Digest: hexDigest(ev.manifest), Manifest: m}
	var err error
	if j.vendor, err = g.usable(m.Vendor); err != nil {
		j.fail(err)
		j.judgeAlone(ev)
		return j
	}
	believable := j.checkClock() // first: a wrong clock explains the rest
	if j.signed, err = t.vouch(g, j.vendor, ev.proof, digests{doc: ev.manifest}); err != nil {
		j.fail(err)
	} else {
		j.pkg.Signer = j.signed.Signer
	}
	j.checkScope()
	if believable {
		j.checkTimes()
	}
	j.checkDenied()
	j.readAttestations(ev)
	j.checkFloors()
	return j
}

// judgeAlone tells what can be told without a vendor: whoever repairs the
// package should not have to wait for the administrator to find the rest.
func (j *judgement) judgeAlone(ev evidence) {
	believable := j.checkClock()
	if err := looksSigned(ev.proof, j.pkg.Digest); err != nil {
		j.fail(err)
	}
	j.checkPlatform()
	if believable {
		j.checkAge()
	}
	for _, file := range ev.attestations {
		said, err := sig.PeekStatement(file.data)
		if err == nil {
			_, _, err = j.subject(said)
		}
		if err != nil {
			j.fail(badAttestation(file, err))
		}
	}
	j.checkFloors()
}

// looksSigned tells what is wrong with a signature whoever made it.
func looksSigned(p proof, digest string) error {
	switch {
	case p.detached != nil:
		return nil
	case p.bundle == nil:
		return unsigned(p)
	}
	b, err := bundleOf(p)
	if err != nil {
		return err
	}
	if have := b.Stated(); len(have) == sha256.Size && hex.EncodeToString(have) != digest {
		return refuse(ErrSignature, p.path, "it is over other bytes", "sign the file again: it changed after it was signed")
	}
	return nil
}

func (j *judgement) fail(err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = because(ErrIO, "", "", err)
	}
	j.errs = append(j.errs, e)
}

func (j *judgement) refuse(why error, what, remedy string) {
	j.errs = append(j.errs, refuse(why, manifestName, what, remedy))
}

// err is the failure that counts. An expired package may still be asked for a
// newer one of itself, so a scan passes over that.
func (j *judgement) err(action string) error {
	var list []*Error
	for _, e := range j.errs {
		if action == "scan" && e.Reason == errExpiredPackage {
			continue
		}
		list = append(list, e)
	}
	return firstOf(list)
}

// errExpiredPackage is ErrExpired about the package itself, not its vendor or
// its key.
var errExpiredPackage error = ErrExpired.(*reason).same()

func (r *reason) same() *reason { return &reason{r.code, r.text} }

// Is makes both compare as ErrExpired.
func (r *reason) Is(target error) bool {
	other, ok := target.(*reason)
	return ok && other.code == r.code
}

func (j *judgement) checkPlatform() {
	m := j.pkg.Manifest
	if m.Platform != "any" && m.Platform != j.t.opt.Platform && j.t.off != defencePlatform {
		j.refuse(ErrPlatform, fmt.Sprintf("%s, but this is %s", m.Platform, j.t.opt.Platform), "take the package for this platform")
	}
}

func (j *judgement) checkScope() {
	m, v := j.pkg.Manifest, j.vendor
	j.checkPlatform()
	i := slices.IndexFunc(v.Scopes, func(s Scope) bool { return s.covers(m.ID) })
	if j.t.off == defenceScope && i < 0 {
		i = 0
	}
	if i < 0 {
		j.refuse(ErrScope, fmt.Sprintf("vendor %s may not register %s", v.Name, m.ID), "choose another id, or ask the administrator for a scope in "+v.File)
		return
	}
	s := v.Scopes[i]
	j.scope = &s
	j.checkComponent(s)
	j.checkActions(s)
	j.checkWrite(s)
	if s.MinVersion != "" && older(m.Version, s.MinVersion) && j.t.off != defenceMinVersion {
		j.refuse(ErrDowngrade, fmt.Sprintf("version %s, but the administrator asks for %s at least", m.Version, s.MinVersion), "publish a newer version")
	}
}

func (j *judgement) checkComponent(s Scope) {
	if c := j.pkg.Manifest.Component; !slices.Contains(s.Components, c) && j.t.off != defenceComponent {
		j.refuse(ErrScope, fmt.Sprintf("component %s, but the vendor may only update %s", c, strings.Join(s.Components, ", ")), "ask the administrator")
	}
}

func (j *judgement) checkActions(s Scope) {
	if j.t.off == defenceActions {
		return
	}
	for _, kind := range append([]string{"scan"}, sortedKeys(j.pkg.Manifest.Actions)...) {
		if !slices.Contains(s.Actions, kind) {
			j.refuse(ErrScope, fmt.Sprintf("action %s, but the vendor may only %s", kind, strings.Join(s.Actions, ", ")), "leave it out, or ask the administrator")
		}
	}
}

func (j *judgement) checkWrite(s Scope) {
	if j.t.off == defenceWrite {
		return
	}
	allowed := slices.Concat(s.Write, s.UnsafeWrite)
	for _, dir := range j.pkg.Manifest.Sandbox.Write {
		if !slices.ContainsFunc(allowed, func(root string) bool { return within(dir, root) }) {
			j.refuse(ErrScope, fmt.Sprintf("sandbox.write %s, but the vendor may only write %s", dir, strings.Join(allowed, ", ")), "leave it out, or ask the administrator")
		}
	}
}

// checkClock tells whether times can be judged at all.
func (j *judgement) checkClock() bool {
	f, err := j.t.readFloors()
	if err != nil {
		j.fail(err)
		return true
	}
	j.floors = f
	if err := j.t.checkClock(f.Newest); err != nil {
		j.fail(err)
		return false
	}
	return true
}

// checkTimes holds everything that depends on the clock, but for the windows of
// keys, which belong to the signature.
func (j *judgement) checkTimes() {
	if end := j.vendor.Expires; !j.now.Before(end) && j.t.off != defenceVendorExpiry {
		j.fail(refuse(ErrExpired, j.vendor.File, "vendor "+j.vendor.Name+" ended on "+end.Format(time.DateOnly), "set a later expires"))
	}
	j.checkAge()
}

// checkAge marks an expired package, which may still be asked for a newer one.
func (j *judgement) checkAge() {
	for _, e := range j.t.checkAge(j.now, manifestName, j.pkg.Manifest.Created, j.pkg.Manifest.Expires) {
		if e.Reason == ErrExpired {
			e.Reason = errExpiredPackage
		}
		j.errs = append(j.errs, e)
	}
}

// checkAge refuses a document before its time or after it.
func (t *Trust) checkAge(now time.Time, path string, created, expires time.Time) (errs []*Error) {
	if created.After(now.Add(clockSkew)) && t.off != defenceFuture {
		errs = append(errs, refuse(ErrNotYetValid, path, "created on "+created.Format(time.RFC3339)+", and it is "+now.UTC().Format(time.RFC3339), "check the clocks of the signer and of this machine"))
	}
	if !now.Before(expires) && t.off != defenceExpiry {
		errs = append(errs, refuse(ErrExpired, path, "on "+expires.Format(time.RFC3339), "publish a new version"))
	}
	return errs
}

func (j *judgement) checkDenied() {
	if hit := j.vendor.denies(j.pkg.Digest); hit && j.t.off != defenceDenied {
		j.refuse(ErrDenied, "the package "+j.pkg.Digest, "take another version")
	}
	for _, f := range j.pkg.Manifest.Payload {
		if j.vendor.denies(f.SHA256) && j.t.off != defenceDenied {
			j.refuse(ErrDenied, f.Path+" "+f.SHA256, "take another version")
		}
	}
}

func (v *Vendor) denies(digest string) bool { return slices.Contains(v.DenyDigests, digest) }

func (j *judgement) checkFloors() {
	if j.floors == nil {
		return // already told
	}
	if err := j.t.checkFloor(j.floors, j.pkg); err != nil {
		j.fail(err)
	}
}
