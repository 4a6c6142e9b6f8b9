package control

import "net/http"

// Error is a refused or failed request. Code is one of the constants below.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do next
	Status  int    `json:"-"`              // of HTTP; 0: what belongs to Code
}

// Codes of an Error.
const (
	CodeUsage       = "usage"        // the request itself is wrong
	CodeUnknown     = "unknown"      // no such updater or update
	CodeForbidden   = "forbidden"    // not allowed for this user
	CodeUntrusted   = "untrusted"    // trust refused
	CodeBusy        = "busy"         // something of the updater runs
	CodeNotEligible = "not_eligible" // the policies say wait
	CodePolicy      = "policy"       // the policies are broken
	CodeUnavailable = "unavailable"  // the daemon is ending, or was asked for too much at once
	CodeInternal    = "internal"     // the daemon failed
	CodeUnreachable = "unreachable"  // no daemon answers; made by the client, never sent
)

// kinds gives each code its HTTP status and the exit code of the command line
// (CONTRACTS section 6).
var kinds = map[string]struct{ status, exit int }{
	CodeUsage:       {http.StatusBadRequest, 2},
	CodeUnknown:     {http.StatusNotFound, 1},
	CodeForbidden:   {http.StatusForbidden, 1},
	CodeUntrusted:   {http.StatusUnprocessableEntity, 11},
	CodeBusy:        {http.StatusConflict, 10},
	CodeNotEligible: {http.StatusConflict, 10},
	CodePolicy:      {http.StatusUnprocessableEntity, 13},
	CodeUnavailable: {http.StatusServiceUnavailable, 1},
	CodeInternal:    {http.StatusInternalServerError, 1},
	CodeUnreachable: {http.StatusBadGateway, 12},
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// ExitCode is the exit code of a command that ends with e.
func (e *Error) ExitCode() int {
	if k, ok := kinds[e.Code]; ok {
		return k.exit
	}
	return 1
}

func (e *Error) status() int {
	if e.Status != 0 {
		return e.Status
	}
	if k, ok := kinds[e.Code]; ok {
		return k.status
	}
	return http.StatusInternalServerError
}
