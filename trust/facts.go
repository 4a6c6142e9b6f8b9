package trust

import (
	"strings"
	"time"
)

// Unchecked is input.trust while trust was not asked yet: in the first of the
// two decisions.
func Unchecked() map[string]any {
	return map[string]any{"checked": false, "verified": false, "error_code": ""}
}

// told builds input.trust. Only what was verified goes into it: a part that the
// check did not reach is absent, so that no policy can rest on it.
type told map[string]any

func newTold() told {
	return told{"checked": true, "verified": false, "error_code": "", "attestations": []any{}}
}

// end notes how the check ended.
func (f told) end(err error) map[string]any {
	f["verified"], f["error_code"] = err == nil, Code(err)
	if err != nil {
		f["error"] = strings.ToValidUTF8(err.Error(), "?")
	}
	return f
}

// judged fills in what a judgement established.
func (f told) judged(j *judgement) {
	if j.vendor != nil {
		f["vendor"] = j.vendorFacts()
	}
	if j.signed == nil {
		return // what an unsigned manifest claims is nobody's word
	}
	f["package"] = j.packageFacts()
	f["signature"] = j.signed.facts(j.now)
	f["time"] = j.timeFacts()
	f["rollback"] = j.rollbackFacts()
	if r := j.signed.root; r != nil {
		f["root"] = map[string]any{"name": r.name, "age_seconds": seconds(j.now.Sub(r.modified))}
	}
	list := []any{}
	for _, a := range j.attests {
		list = append(list, a.facts())
	}
	f["attestations"] = list
}

func (j *judgement) vendorFacts() map[string]any {
	v := j.vendor
	out := map[string]any{
		"id": v.Name, "display_name": v.DisplayName, "enabled": v.Enabled,
		"expires_in_seconds": seconds(v.Expires.Sub(j.now)), "generation": j.g.digest,
	}
	if v.Audit.AttestedBy != "" {
		out["attested_by"] = v.Audit.AttestedBy
	}
	if day, err := time.Parse(time.DateOnly, v.Audit.Date); err == nil {
		out["audit_age_seconds"] = seconds(j.now.Sub(day))
	}
	if j.scope != nil {
		out["honor_deadlines"], out["artifacts"] = j.scope.HonorDeadlines, j.scope.Binding()
	}
	return out
}

func (j *judgement) packageFacts() map[string]any {
	m := j.pkg.Manifest
	var size int64
	for _, f := range m.Payload {
		size += f.Size
	}
	return map[string]any{
		"id": m.ID, "version": m.Version, "digest": j.pkg.Digest, "component": m.Component, "platform": m.Platform,
		"age_seconds": seconds(j.now.Sub(m.Created)), "expires_in_seconds": seconds(m.Expires.Sub(j.now)),
		"files": int64(len(m.Payload)), "size_bytes": size,
	}
}

func (v *vouched) facts(now time.Time) map[string]any {
	out := map[string]any{"method": v.Method, "tlog": v.logged, "sct": v.sct, "timestamp": !v.SignedAt.IsZero()}
	if v.root != nil {
		out["root"] = v.root.name
	}
	if v.Method == "key" {
		key := map[string]any{"id": v.ID, "type": v.KeyType, "spki_sha256": v.SPKI}
		if !v.notAfter.IsZero() {
			key["expires_in_seconds"] = seconds(v.notAfter.Sub(now))
		}
		out["key"] = key
		return out
	}
	ext := map[string]any{}
	for name, value := range v.ext {
		ext[name] = value
	}
	out["identity"] = map[string]any{"id": v.ID, "issuer": v.Issuer, "san": v.SAN, "extensions": ext}
	return out
}

// timeFacts says when the package was signed: by a third party's word where
// there is one, else by the signer's own.
func (j *judgement) timeFacts() map[string]any {
	at, source := j.signed.SignedAt, j.signed.source
	if at.IsZero() {
		at, source = j.pkg.Manifest.Created, "document"
	}
	var newest time.Time
	if j.floors != nil {
		newest = j.floors.Newest
	}
	return map[string]any{
		"source": source, "signed_unix_seconds": at.Unix(), "age_seconds": seconds(j.now.Sub(at)),
		"clock_trusted": j.t.checkClock(newest) == nil,
	}
}

func (j *judgement) rollbackFacts() map[string]any {
	out := map[string]any{"floor": "", "is_downgrade": false, "first_seen": true}
	if j.floors == nil {
		return out
	}
	if have, known := j.floors.Updaters[j.pkg.ID]; known && have.Package.Version != "" {
		out["floor"], out["first_seen"] = have.Package.Version, false
		out["is_downgrade"] = older(j.pkg.Version, have.Package.Version)
	}
	return out
}

func (a attestation) facts() map[string]any {
	signer := map[string]any{"id": a.signed.ID, "method": a.signed.Method}
	if a.signed.Method == "keyless" {
		signer["issuer"], signer["san"] = a.signed.Issuer, a.signed.SAN
	}
	out := map[string]any{"predicate_type": a.typ, "subject": a.subject, "signer": signer}
	if a.said != nil {
		out["predicate"] = a.said
	}
	return out
}

// update fills in the update document that was verified.
func (f told) update(u *Update, now time.Time) {
	f["update"] = map[string]any{
		"id": u.ID, "version": u.Version, "digest": u.Digest, "line": u.Doc.Line(),
		"age_seconds": seconds(now.Sub(u.Doc.Created)), "expires_in_seconds": seconds(u.Doc.Expires.Sub(now)),
	}
}

// artifacts fills in what states the artifacts, and those that are in the store.
func (f told) artifacts(binding string, a *Artifacts) {
	out := map[string]any{"binding": binding}
	if a != nil {
		var size int64
		for _, b := range a.Files {
			size += b.Size
		}
		out["digest"], out["files"], out["size_bytes"] = a.Digest, int64(len(a.Files)), size
	}
	f["artifacts"] = out
}

// seconds rounds toward zero; facts are exact integers.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
