package trust

import (
	"errors"
	"fmt"
	"strings"
)

// reason is a class of refusal with a stable code.
type reason struct{ code, text string }

func (r *reason) Error() string { return r.text }

// The reasons for which trust says no. Every error of this package is or wraps
// exactly one of them; [Code] gives its stable name for logs, journals and
// policies (input.trust.error_code).
var (
	ErrUnsigned        error = &reason{"unsigned", "not signed"}
	ErrBundle          error = &reason{"bad_bundle", "the sigstore bundle cannot be used"}
	ErrSignature       error = &reason{"bad_signature", "the signature does not match the bytes"}
	ErrUntrustedSigner error = &reason{"untrusted_signer", "the signer is not trusted"}
	ErrRoot            error = &reason{"root_unavailable", "the trusted root is missing or broken"}
	ErrRevoked         error = &reason{"revoked", "revoked"}
	ErrDenied          error = &reason{"digest_denied", "on the vendor's deny list"}
	ErrExpired         error = &reason{"expired", "expired"}
	ErrNotYetValid     error = &reason{"not_yet_valid", "not valid yet"}
	ErrClock           error = &reason{"clock_implausible", "the clock is implausible"}
	ErrVendorUnknown   error = &reason{"vendor_unknown", "no vendor file for this vendor"}
	ErrVendorDisabled  error = &reason{"vendor_disabled", "the vendor is disabled"}
	ErrVendorBroken    error = &reason{"vendor_broken", "the vendor file is broken"}
	ErrOverlap         error = &reason{"scope_overlap", "the scopes of two vendors overlap"}
	ErrScope           error = &reason{"out_of_scope", "outside the vendor's scope"}
	ErrComponent       error = &reason{"component_refused", "this kind of component is never updated by lull"}
	ErrPlatform        error = &reason{"wrong_platform", "made for another platform"}
	ErrManifest        error = &reason{"bad_manifest", "the manifest is not valid"}
	ErrDocument        error = &reason{"bad_document", "the update document is not valid"}
	ErrPayload         error = &reason{"bad_payload", "the files are not those that the manifest lists"}
	ErrDigest          error = &reason{"digest_mismatch", "the bytes are not those that were signed"}
	ErrNotRegular      error = &reason{"not_regular", "not a regular file"}
	ErrTooLarge        error = &reason{"too_large", "too large"}
	ErrChanged         error = &reason{"changed", "changed while or after it was verified"}
	ErrInterpreter     error = &reason{"interpreter_refused", "the script's interpreter is not allowed"}
	ErrAttestation     error = &reason{"bad_attestation", "the attestation is not valid"}
	ErrDowngrade       error = &reason{"downgrade", "older than what was already accepted"}
	ErrBound           error = &reason{"bound_elsewhere", "the id belongs to another vendor"}
	ErrArtifacts       error = &reason{"artifacts_unstated", "nothing signed states the artifacts"}
	ErrNotStored       error = &reason{"not_stored", "not in the store"}
	ErrState           error = &reason{"state_damaged", "trust's own state is damaged"}
	ErrSpace           error = &reason{"no_space", "no space left for the store"}
	ErrPermissions     error = &reason{"unsafe_permissions", "others could change this file"}
	ErrNotVerified     error = &reason{"not_verified", "nothing was verified"}
	ErrStale           error = &reason{"generation_changed", "the vendors changed since the check"}
	ErrIO              error = &reason{"io", "the system refused"}
	ErrQuestion        error = &reason{"bad_question", "the question leaves something open"}
)

// Error carries what a person needs: which file and line, what is wrong with
// it, and what to do. errors.Is matches Reason (one of the Err variables) and
// Err, the cause below it, when there is one.
type Error struct {
	Reason error  // one of the Err variables
	Path   string // file or store entry; "" when the error is about no file
	Line   int    // 1-based; 0 when unknown
	What   string // what is wrong, completing the reason
	Remedy string // what to do about it
	Err    error  // cause, may be nil
}

// Error returns one line: place, reason, detail, cause, remedy.
func (e *Error) Error() string {
	var b strings.Builder
	if place := place(e.Path, e.Line); place != "" {
		b.WriteString(place + ": ")
	}
	b.WriteString(e.message())
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// message is the error without its place and its remedy.
func (e *Error) message() string {
	parts := []string{e.Reason.Error()}
	if e.What != "" {
		parts = append(parts, e.What)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the reason and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

func place(path string, line int) string {
	if path != "" && line > 0 {
		return fmt.Sprintf("%s:%d", path, line)
	}
	return path
}

// Code returns the stable code of an error of this package, as
// "untrusted_signer" or "downgrade"; "" for nil, "other" for a foreign error.
// Codes are part of input.trust and never change their meaning.
func Code(err error) string {
	if err == nil {
		return ""
	}
	var r *reason
	if errors.As(err, &r) {
		return r.code
	}
	return "other"
}

// refuse makes an *Error from a reason, what is wrong and what to do.
func refuse(why error, path, what, remedy string) *Error {
	return &Error{Reason: why, Path: path, What: what, Remedy: remedy}
}

// because is refuse for a failure that has a cause.
func because(why error, path, what string, cause error) *Error {
	return &Error{Reason: why, Path: path, What: what, Err: cause}
}

// Problem is one thing wrong with a vendor file, a trusted root or a package,
// as told to the person who must repair it.
type Problem struct {
	Vendor  string `json:"vendor,omitempty"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 1-based; 0: the whole file
	Code    string `json:"code"`           // as Code
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do
}

// String is the problem on one line, place first and remedy last.
func (p Problem) String() string {
	s := p.Message
	if at := place(p.File, p.Line); at != "" {
		s = at + ": " + s
	}
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// problemOf turns any error into a Problem, keeping place and remedy.
func problemOf(vendor string, err error) Problem {
	p := Problem{Vendor: vendor, Code: Code(err), Message: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		p.File, p.Line, p.Message, p.Hint = e.Path, e.Line, e.message(), e.Remedy
	}
	return p
}
