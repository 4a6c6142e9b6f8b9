package sig

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/lullhq/lull/trust/internal/strict"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// PayloadType is the one kind of DSSE payload that is read.
const PayloadType = "application/vnd.in-toto+json"

// The limits of a statement. sigstore-go has the same for subjects and digests.
const (
	MaxSubjects  = 1024
	MaxDigests   = 32
	MaxPredicate = 1 << 20 // of the whole payload, in bytes
)

// The statement types of the in-toto attestation framework.
var statementTypes = map[string]bool{
	"https://in-toto.io/Statement/v1":   true,
	"https://in-toto.io/Statement/v0.1": true,
}

// Statement is an in-toto statement: something said about files.
type Statement struct {
	Type          string
	Subject       []Thing
	PredicateType string
	Predicate     any // as strict.Node.Any
}

// Thing is a subject of a statement.
type Thing struct {
	Name   string
	Digest map[string]string // by algorithm, hex
}

// statementOf reads the payload itself: sigstore-go matches a digest with any
// subject and looks at neither names nor types (CVE-2026-39395).
func statementOf(env verify.EnvelopeContent) (*Statement, error) {
	raw := env.RawEnvelope()
	if raw.PayloadType != PayloadType {
		return nil, fmt.Errorf("payload type %q, want %q", raw.PayloadType, PayloadType)
	}
	payload, err := base64.StdEncoding.DecodeString(raw.Payload)
	if err != nil {
		return nil, err
	}
	return ParseStatement(payload)
}

// ParseStatement reads an in-toto statement of version 0.1 or 1. Other keys are
// allowed in it, as the framework says; duplicate ones are not.
func ParseStatement(data []byte) (*Statement, error) {
	n, err := strict.ParseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	s := &Statement{Type: text(n, "_type"), PredicateType: text(n, "predicateType")}
	if p := n.At("predicate"); p != nil {
		s.Predicate = p.Any()
	}
	switch {
	case !statementTypes[s.Type]:
		return nil, fmt.Errorf("statement type %.80q is not in-toto's", s.Type)
	case s.PredicateType == "":
		return nil, errors.New("the statement has no predicateType")
	case len(data) > MaxPredicate:
		return nil, fmt.Errorf("the statement is larger than %d bytes", MaxPredicate)
	}
	s.Subject, err = things(n.At("subject"))
	return s, err
}

func things(n *strict.Node) ([]Thing, error) {
	if n == nil || n.Kind != strict.List || len(n.Items) == 0 || len(n.Items) > MaxSubjects {
		return nil, fmt.Errorf("the statement must have 1 to %d subjects", MaxSubjects)
	}
	out := make([]Thing, len(n.Items))
	for i, item := range n.Items {
		out[i] = Thing{Name: text(item, "name"), Digest: map[string]string{}}
		digests := item.At("digest")
		if digests == nil || len(digests.Members) == 0 || len(digests.Members) > MaxDigests {
			return nil, fmt.Errorf("subject %.80q must have 1 to %d digests", out[i].Name, MaxDigests)
		}
		for _, m := range digests.Members {
			out[i].Digest[m.Key] = m.Value.Text
		}
	}
	return out, nil
}

func text(n *strict.Node, key string) string {
	if v := n.At(key); v != nil && v.Kind == strict.String {
		return v.Text
	}
	return ""
}

// PeekStatement reads the statement of a bundle before anything is verified:
// only for choosing what to demand.
func PeekStatement(bundle []byte) (*Statement, error) {
	b, err := ParseBundle(bundle)
	if err != nil {
		return nil, err
	}
	if b.env == nil {
		return nil, errors.New("it is a signature over a file, not a statement")
	}
	return statementOf(b.env)
}
