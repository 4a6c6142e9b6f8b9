package trust

import (
	"fmt"
	"slices"

	"github.com/lullhq/lull/trust/internal/sig"
)

// DefaultPredicateTypes are the attestations that are read when a vendor file
// names none.
var DefaultPredicateTypes = []string{"https://slsa.dev/provenance/v1"}

// maxAttestations bounds the work that one package can ask for.
const maxAttestations = 8

// attestation is a verified statement about a file of a package.
type attestation struct {
	signed  *vouched
	subject string
	typ     string
	said    any // the predicate
}

// readAttestations verifies what others say about the package. A package whose
// attestations do not hold is refused: policy may rely on them.
func (j *judgement) readAttestations(ev evidence) {
	if len(ev.attestations) > maxAttestations {
		j.refuse(ErrAttestation, fmt.Sprintf("%d of them, at most %d are read", len(ev.attestations), maxAttestations), "leave some out")
		return
	}
	for _, file := range ev.attestations {
		a, err := j.readAttestation(file)
		if err != nil {
			j.fail(err)
			continue
		}
		j.attests = append(j.attests, *a)
	}
}

func (j *judgement) readAttestation(file attestationFile) (*attestation, error) {
	said, err := sig.PeekStatement(file.data)
	if err != nil {
		return nil, badAttestation(file, err)
	}
	name, digest, err := j.subject(said)
	if err != nil {
		return nil, badAttestation(file, err)
	}
	if err := j.typeAllowed(said.PredicateType); err != nil {
		return nil, &Error{Reason: ErrAttestation, Path: file.path, Err: err, Remedy: "list it under predicate_types in " + j.vendor.File + ", or leave the attestation out"}
	}
	signed, err := j.t.vouch(j.g, j.vendor, proof{path: file.path, bundle: file.data, attests: true}, digests{sha256: digest})
	if err != nil {
		return nil, err
	}
	return &attestation{signed: signed, subject: name, typ: signed.said.PredicateType, said: signed.said.Predicate}, nil
}

func badAttestation(file attestationFile, err error) *Error {
	return &Error{Reason: ErrAttestation, Path: file.path, Err: err, Remedy: "attest manifest.json, or a payload file by its path in the package, with `cosign attest-blob --bundle`"}
}

// subject picks the file of the package that a statement is about. Every
// subject that is named like a file of the package must have its digest:
// matching any digest, whatever its name, is how others were fooled.
func (j *judgement) subject(s *sig.Statement) (name, digest string, err error) {
	files := map[string]string{manifestName: j.pkg.Digest}
	for _, f := range j.pkg.Manifest.Payload {
		files[f.Path] = f.SHA256
	}
	for _, thing := range s.Subject {
		want, ours := files[thing.Name]
		switch {
		case !ours && j.t.off == defenceSubject:
			name, digest = thing.Name, thing.Digest["sha256"]
		case !ours:
			continue
		case thing.Digest["sha256"] != want:
			return "", "", fmt.Errorf("its subject %s has another digest", thing.Name)
		case name == "":
			name, digest = thing.Name, want
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("none of its subjects is a file of this package")
	}
	return name, digest, nil
}

func (j *judgement) typeAllowed(t string) error {
	allowed := j.vendor.PredicateTypes
	if len(allowed) == 0 {
		allowed = DefaultPredicateTypes
	}
	if slices.Contains(allowed, t) || j.t.off == defencePredicate {
		return nil
	}
	return fmt.Errorf("predicate type %q is not one this vendor may use", clip(t))
}
